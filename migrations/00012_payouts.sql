-- Money out of a merchant's balance, and static places to pay into it.
-- Accounts: a payout holds 'merchant/<id>/available' → 'merchant/<id>/held'; paid, it leaves to 'payout/<provider>'.
-- A wallet's deposit comes from 'wallet/<provider>' and is the merchant's at once.
-- +goose Up
CREATE TABLE payouts (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid            uuid        NOT NULL UNIQUE,
    merchant_id     bigint      NOT NULL REFERENCES merchants,
    order_id        text        NOT NULL CHECK (order_id <> ''), -- the merchant's: the same order is never paid twice
    amount          bigint      NOT NULL CHECK (amount > 0), -- rial, what arrives
    fee             bigint      NOT NULL DEFAULT 0 CHECK (fee >= 0), -- rial, held and spent with it
    currency        text        NOT NULL DEFAULT 'IRR',
    network         text        NOT NULL, -- as asked: card, iban, paya or satna
    rail            text        NOT NULL, -- as sent
    provider        text        NOT NULL,
    key_id          text        NOT NULL,
    sealed          bytea       NOT NULL, -- the whole destination, encrypted
    destination     text        NOT NULL, -- masked
    request         bytea       NOT NULL CHECK (length(request) = 32), -- keyed fingerprint: the same order_id must ask the same
    holder          text        NOT NULL DEFAULT '',
    note            text        NOT NULL DEFAULT '',
    callback_id     bigint      REFERENCES webhook_endpoints, -- the url_callback of the request
    state           text        NOT NULL DEFAULT 'reserved'
                    CHECK (state IN ('reserved', 'unknown', 'sent', 'paid', 'refused', 'cancelled', 'unsent')),
    provider_id     text        NOT NULL DEFAULT '', -- the bank's number of the order
    tracking_id     text        NOT NULL DEFAULT '', -- the rail's, for the receiver
    code            text        NOT NULL DEFAULT '', -- the bank's latest
    why             text        NOT NULL DEFAULT '', -- why it did not arrive, for the merchant
    due_at          timestamptz, -- when the rail's cycle should have carried it out
    inquiries       integer     NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    submitted_at    timestamptz, -- set before the order goes out
    ended_at        timestamptz,
    needs_attention text,
    CONSTRAINT payouts_order UNIQUE (merchant_id, order_id),
    CHECK ((state IN ('paid', 'refused', 'cancelled', 'unsent')) = (ended_at IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX payouts_list ON payouts (merchant_id, id);
CREATE INDEX payouts_open ON payouts (merchant_id) WHERE ended_at IS NULL;
CREATE INDEX payouts_attention ON payouts (id) WHERE needs_attention IS NOT NULL;

CREATE TABLE payout_events (
    id        bigint GENERATED ALWAYS AS IDENTITY,
    payout_id bigint      NOT NULL,
    kind      text        NOT NULL,
    note      text        NOT NULL DEFAULT '', -- who or why, never an account or a card
    at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (payout_id, id)
);

CREATE TABLE wallets (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid            uuid        NOT NULL UNIQUE,
    merchant_id     bigint      NOT NULL REFERENCES merchants,
    order_id        text        NOT NULL CHECK (order_id <> ''),
    currency        text        NOT NULL DEFAULT 'IRR',
    network         text        NOT NULL,
    provider        text        NOT NULL,
    address         text        UNIQUE, -- the IBAN to pay into, once the bank gave it
    callback_id     bigint      REFERENCES webhook_endpoints,
    state           text        NOT NULL DEFAULT 'opening' CHECK (state IN ('opening', 'active', 'blocked')),
    seen            text        NOT NULL DEFAULT '', -- the bank's id of the latest deposit that was booked
    why             text        NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    needs_attention text,
    CONSTRAINT wallets_order UNIQUE (merchant_id, order_id),
    CHECK (state <> 'active' OR address IS NOT NULL)
);
CREATE INDEX wallets_list ON wallets (merchant_id, id);
CREATE INDEX wallets_attention ON wallets (id) WHERE needs_attention IS NOT NULL;

CREATE TABLE wallet_deposits (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid        uuid        NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    wallet_id   bigint      NOT NULL REFERENCES wallets,
    provider    text        NOT NULL,
    provider_id text        NOT NULL, -- names it at the bank for ever
    amount      bigint      NOT NULL CHECK (amount > 0), -- rial
    payer       text        NOT NULL DEFAULT '', -- masked
    tracking_id text        NOT NULL DEFAULT '',
    at          timestamptz NOT NULL, -- by the bank's clock
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT wallet_deposits_once UNIQUE (provider, provider_id)
);
CREATE INDEX wallet_deposits_list ON wallet_deposits (wallet_id, id);

-- +goose StatementBegin
CREATE FUNCTION payout_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM webhook_enqueue('payout', NEW.merchant_id, NEW.id, NEW.state, NEW.callback_id, jsonb_build_object(
        'uuid', NEW.uuid, 'order_id', NEW.order_id, 'amount', NEW.amount, 'paid', NEW.amount, 'fee', NEW.fee, 'currency', NEW.currency,
        'network', NEW.network, 'txid', NEW.tracking_id, 'why', NEW.why, 'created_at', NEW.created_at));
    RETURN NULL;
END $$;

CREATE FUNCTION wallet_told() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    w wallets;
BEGIN
    SELECT * INTO w FROM wallets WHERE id = NEW.wallet_id;
    PERFORM webhook_enqueue('wallet', w.merchant_id, NEW.id, 'credited', w.callback_id, jsonb_build_object(
        'uuid', NEW.uuid, 'order_id', w.order_id, 'wallet', w.uuid, 'amount', NEW.amount, 'paid', NEW.amount, 'currency', w.currency,
        'network', w.network, 'from', NEW.payer, 'txid', NEW.tracking_id, 'created_at', NEW.created_at));
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER payout_created AFTER INSERT ON payouts FOR EACH ROW EXECUTE FUNCTION payout_told();
CREATE TRIGGER payout_changed AFTER UPDATE ON payouts FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION payout_told();
CREATE TRIGGER wallet_credited AFTER INSERT ON wallet_deposits FOR EACH ROW EXECUTE FUNCTION wallet_told();

GRANT SELECT, INSERT, UPDATE ON payouts, wallets TO paysaga_app;
GRANT SELECT, INSERT ON payout_events, wallet_deposits TO paysaga_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paysaga_app;

-- +goose StatementBegin
DO $$
BEGIN
    ASSERT NOT has_table_privilege('paysaga_app', 'payouts', 'DELETE'), 'payouts must never be deleted';
    ASSERT NOT has_table_privilege('paysaga_app', 'wallet_deposits', 'UPDATE'), 'deposits are append-only';
    ASSERT NOT has_table_privilege('paysaga_app', 'payout_events', 'UPDATE'), 'the timeline is append-only';
END $$;
-- +goose StatementEnd
