-- What a merchant signs in with at a bank. A row is never changed but to retire it: whoever opened a session with
-- it settles and returns that session's money with it too, whatever the merchant uses by then.
-- +goose Up
CREATE TABLE gateway_accounts (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    merchant_id bigint      NOT NULL REFERENCES merchants,
    gateway     text        NOT NULL CHECK (gateway <> ''),
    key_id      text        NOT NULL,
    sealed      bytea       NOT NULL CHECK (length(sealed) > 0), -- the credentials, encrypted for this merchant and gateway
    replaces    bigint      UNIQUE REFERENCES gateway_accounts, -- the same terminal with a new password: its attempts go on with this one
    created_at  timestamptz NOT NULL DEFAULT now(),
    retired_at  timestamptz -- no new session since; what is under way goes on with it
);
CREATE UNIQUE INDEX gateway_accounts_live ON gateway_accounts (merchant_id, gateway) WHERE retired_at IS NULL;
CREATE INDEX gateway_accounts_merchant ON gateway_accounts (merchant_id, id);

-- The account that a session was opened with; null at a bank that asks for none. Accounts are never deleted, so
-- nobody looks for the attempts of one.
ALTER TABLE attempts ADD account_id bigint REFERENCES gateway_accounts;

GRANT SELECT, INSERT, UPDATE (retired_at) ON gateway_accounts TO paysaga_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paysaga_app;

-- +goose StatementBegin
DO $$
BEGIN
    ASSERT has_column_privilege('paysaga_app', 'gateway_accounts', 'retired_at', 'UPDATE'), 'an account cannot be retired';
    ASSERT NOT has_column_privilege('paysaga_app', 'gateway_accounts', 'sealed', 'UPDATE'), 'an account must never change under its attempts';
    ASSERT NOT has_table_privilege('paysaga_app', 'gateway_accounts', 'DELETE'), 'accounts must never be deleted';
END $$;
-- +goose StatementEnd
