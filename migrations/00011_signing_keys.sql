-- The keys that sign a merchant's requests and the webhooks to it, and the number that those know a payment by.
-- +goose Up
-- Unlike API keys these must be read again, to compute signatures: they are encrypted, not hashed.
CREATE TABLE signing_keys (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    merchant_id bigint      NOT NULL REFERENCES merchants,
    kind        text        NOT NULL CHECK (kind IN ('payment', 'payout')),
    key_id      text        NOT NULL,
    sealed      bytea       NOT NULL,
    hint        text        NOT NULL, -- the last four characters, to tell keys apart
    created_at  timestamptz NOT NULL DEFAULT now(),
    replaced_at timestamptz, -- since then it signs nothing any more
    ends_at     timestamptz, -- until then requests may still be signed with it
    CHECK ((replaced_at IS NULL) = (ends_at IS NULL))
);
CREATE UNIQUE INDEX signing_keys_live ON signing_keys (merchant_id, kind) WHERE replaced_at IS NULL;
CREATE INDEX signing_keys_merchant ON signing_keys (merchant_id);

-- New payments bring one that grows with time: beside the random default it costs its index next to nothing.
ALTER TABLE payments ADD uuid uuid NOT NULL DEFAULT gen_random_uuid();
CREATE UNIQUE INDEX payments_uuid ON payments (uuid);

GRANT SELECT, INSERT, UPDATE ON signing_keys TO paysaga_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paysaga_app;

-- +goose StatementBegin
DO $$
BEGIN
    ASSERT has_table_privilege('paysaga_app', 'signing_keys', 'INSERT'), 'the application role cannot work';
    ASSERT NOT has_table_privilege('paysaga_app', 'signing_keys', 'DELETE'), 'signing keys must never be deleted';
END $$;
-- +goose StatementEnd
