-- Bank payments, the payer's attempts at banks, and the timeline of both.
-- +goose Up
CREATE TABLE payments (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token            text        NOT NULL UNIQUE CHECK (token ~ '^[A-Za-z0-9]{9,40}$'),
    merchant_id      bigint      NOT NULL REFERENCES merchants,
    amount           bigint      NOT NULL CHECK (amount > 0), -- rial, as the merchant asked
    tip              bigint      NOT NULL DEFAULT 0 CHECK (tip >= 0), -- rial, as the payer added
    description      text        NOT NULL DEFAULT '',
    payload          text        NOT NULL DEFAULT '',
    auto_collect     boolean     NOT NULL DEFAULT false,
    preferred_method text        NOT NULL DEFAULT '',
    state            text        NOT NULL DEFAULT 'pending'
                     CHECK (state IN ('pending', 'paid', 'collected', 'refunding', 'refunded', 'expired', 'failed')),
    state_error      text,
    payer            text        NOT NULL DEFAULT '', -- masked mobile, never the whole number
    method           text        NOT NULL DEFAULT '', -- the gateway of the latest attempt, then of the paid one
    rrn              text        NOT NULL DEFAULT '',
    attempts         integer     NOT NULL DEFAULT 0, -- how often the payer went to a bank
    attempt_id       bigint,     -- the attempt whose money serves this payment
    created_at       timestamptz NOT NULL DEFAULT now(),
    collect_by       timestamptz NOT NULL,
    cancelled_at     timestamptz,
    paid_at          timestamptz,
    collected_at     timestamptz,
    needs_attention  text,        -- why a person must look, else null
    CHECK ((state IN ('paid', 'collected', 'refunding', 'refunded')) = (attempt_id IS NOT NULL)),
    CHECK ((state = 'collected') = (collected_at IS NOT NULL))
) WITH (fillfactor = 70); -- a payment is updated a few times, and no index names its state: updates stay in their page
CREATE INDEX payments_list ON payments (merchant_id, created_at, token);
CREATE INDEX payments_attention ON payments (id) WHERE needs_attention IS NOT NULL;

CREATE SEQUENCE attempts_id_seq AS bigint;
CREATE TABLE attempts (
    id           bigint PRIMARY KEY DEFAULT nextval('attempts_id_seq'), -- the bank's invoice number
    payment_id   bigint      NOT NULL REFERENCES payments,
    gateway      text        NOT NULL,
    amount       bigint      NOT NULL CHECK (amount > 0), -- rial, tip included: what the bank takes
    tip          bigint      NOT NULL CHECK (tip >= 0),
    state        text        NOT NULL DEFAULT 'created'
                 CHECK (state IN ('created', 'open', 'paid', 'settled', 'refunding', 'refunded', 'failed')),
    error        text,
    callback_key text        NOT NULL,
    callbacks    integer     NOT NULL DEFAULT 0,
    called_at    timestamptz, -- latest callback
    callback     jsonb,       -- what the browser brought back at the latest callback, unproven
    checked_at   timestamptz, -- latest time the bank told us that it is not paid
    final_at     timestamptz, -- after this instant the payer can no longer pay at the bank
    bank_token   text,
    bank_tran    text,
    rrn          text        NOT NULL DEFAULT '',
    card         text        NOT NULL DEFAULT '', -- masked
    undone       text,       -- how the money went back
    created_at   timestamptz NOT NULL DEFAULT now(),
    paid_at      timestamptz,
    ended_at     timestamptz,
    CHECK (state <> 'open' OR (bank_token IS NOT NULL AND final_at IS NOT NULL)),
    CHECK (state NOT IN ('paid', 'settled', 'refunding', 'refunded') OR paid_at IS NOT NULL)
) WITH (fillfactor = 60);
ALTER SEQUENCE attempts_id_seq OWNED BY attempts.id;
CREATE INDEX attempts_payment ON attempts (payment_id);
-- A bank's receipt is spent once.
CREATE UNIQUE INDEX attempts_receipt ON attempts (gateway, bank_tran) WHERE bank_tran IS NOT NULL;

-- No foreign key: events are written beside the row they tell of, in the same statement, and the check
-- would lock that row once more for each of them.
CREATE TABLE payment_events (
    id         bigint GENERATED ALWAYS AS IDENTITY,
    payment_id bigint      NOT NULL,
    attempt_id bigint,
    kind       text        NOT NULL,
    note       text        NOT NULL DEFAULT '', -- who or why, never a card or a mobile
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (payment_id, id)
);

GRANT SELECT, INSERT, UPDATE ON payments, attempts TO paysaga_app;
GRANT SELECT, INSERT ON payment_events TO paysaga_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paysaga_app;

-- +goose StatementBegin
DO $$
BEGIN
    ASSERT NOT has_table_privilege('paysaga_app', 'payment_events', 'UPDATE'), 'the timeline is append-only';
    ASSERT NOT has_table_privilege('paysaga_app', 'payments', 'DELETE'), 'payments must never be deleted';
END $$;
-- +goose StatementEnd
