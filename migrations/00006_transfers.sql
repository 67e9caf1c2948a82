-- Card-to-card payments: each waits for a deposit of its own unique amount.
-- +goose Up
ALTER TABLE merchants
    ADD transfer_window interval NOT NULL DEFAULT '15 minutes' CHECK (transfer_window > '0' AND transfer_window <= '24 hours'),
    -- How late a bank's SMS may come: an amount stays reserved that long after its page has expired.
    ADD sms_delay       interval NOT NULL DEFAULT '1 hour' CHECK (sms_delay >= '0' AND sms_delay <= '7 days'),
    -- Amounts are price + step, price + 2 × step … up to price + delta, in rial. Many banking apps take
    -- whole tomans only, hence 10.
    ADD amount_step     bigint   NOT NULL DEFAULT 10 CHECK (amount_step BETWEEN 1 AND 1000000),
    ADD amount_delta    bigint   NOT NULL DEFAULT 5000 CHECK (amount_delta BETWEEN 1 AND 10000000),
    ADD CHECK (amount_delta >= amount_step AND amount_delta <= 10000 * amount_step),
    -- How long a deposit without an owner may wait for a person.
    ADD deposit_patience interval NOT NULL DEFAULT '24 hours' CHECK (deposit_patience > '0' AND deposit_patience <= '30 days');

-- Account numbers as the bank's SMS prints them; a deposit finds its card by them.
ALTER TABLE destination_cards ADD accounts text[] NOT NULL DEFAULT '{}';

CREATE TABLE transfers (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the merchant's pay_id
    merchant_id     bigint      NOT NULL REFERENCES merchants,
    fid             bigint      NOT NULL, -- the merchant's invoice number
    link_token      text        NOT NULL UNIQUE CHECK (length(link_token) >= 22),
    price           bigint      NOT NULL CHECK (price >= 10000), -- rial, as the merchant asked
    amount          bigint      NOT NULL CHECK (amount > price), -- rial, what the payer must transfer
    callback        text        NOT NULL DEFAULT '',
    payer           text        NOT NULL DEFAULT '', -- masked mobile, never the whole number
    payer_card_id   uuid        REFERENCES card_vault, -- the card the payer said they pay from
    cards           bigint[]    NOT NULL CHECK (cardinality(cards) > 0), -- destination cards shown to the payer
    state           text        NOT NULL DEFAULT 'pending'
                    CHECK (state IN ('pending', 'paid', 'verified', 'expired', 'mismatched')),
    reserved        boolean     NOT NULL DEFAULT true, -- the amount is this transfer's and nobody else's
    deposit_id      bigint, -- the deposit that paid it, or came from another card
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    reserved_until  timestamptz NOT NULL CHECK (reserved_until >= expires_at),
    paid_at         timestamptz,
    verified_at     timestamptz,
    needs_attention text, -- why a person must look, else null
    CONSTRAINT transfers_fid UNIQUE (merchant_id, fid),
    CHECK ((state IN ('paid', 'verified', 'mismatched')) = (deposit_id IS NOT NULL)),
    CHECK ((state = 'verified') = (verified_at IS NOT NULL))
) WITH (fillfactor = 70);
-- Two open transfers of a merchant never wait for the same amount.
CREATE UNIQUE INDEX transfers_reservation ON transfers (merchant_id, amount) WHERE reserved;
CREATE INDEX transfers_amount ON transfers (merchant_id, amount, created_at); -- matching, also of late deposits
CREATE INDEX transfers_attention ON transfers (id) WHERE needs_attention IS NOT NULL;

-- No foreign key, as with payment_events.
CREATE TABLE transfer_events (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    transfer_id bigint      NOT NULL,
    deposit_id  bigint,
    kind        text        NOT NULL,
    note        text        NOT NULL DEFAULT '', -- who or why, never a card or a mobile
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (transfer_id, id)
);

GRANT SELECT, INSERT, UPDATE ON transfers TO paysaga_app;
GRANT SELECT, INSERT ON transfer_events TO paysaga_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paysaga_app;

-- +goose StatementBegin
DO $$
BEGIN
    ASSERT NOT has_table_privilege('paysaga_app', 'transfer_events', 'UPDATE'), 'the timeline is append-only';
    ASSERT NOT has_table_privilege('paysaga_app', 'transfers', 'DELETE'), 'transfers must never be deleted';
END $$;
-- +goose StatementEnd
