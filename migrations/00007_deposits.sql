-- Bank SMS as they came in, and the deposits seen in them.
-- +goose Up
-- Phones that forward a merchant's bank SMS and sign what they send.
CREATE TABLE devices (
    id          text        PRIMARY KEY CHECK (id ~ '^[a-z0-9]{6,40}$'),
    merchant_id bigint      NOT NULL REFERENCES merchants,
    label       text        NOT NULL DEFAULT '',
    key_id      text        NOT NULL,
    sealed      bytea       NOT NULL, -- its secret, encrypted: a signature needs the secret itself
    created_at  timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz
);
CREATE INDEX devices_merchant ON devices (merchant_id);

CREATE TABLE sms (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    merchant_id bigint      NOT NULL REFERENCES merchants,
    source      text        NOT NULL, -- 'device/<id>' or 'key/<id>'
    message_id  text        NOT NULL DEFAULT '', -- the forwarder's, when it has one
    content     bytea       NOT NULL CHECK (length(content) = 32), -- what makes two messages the same
    facts       bytea       NOT NULL CHECK (length(facts) = 32),   -- the same, whoever sent them
    sender      text        NOT NULL,
    key_id      text        NOT NULL,
    sealed      bytea       NOT NULL, -- the raw text, encrypted: some banks print whole card numbers
    bank        text        NOT NULL DEFAULT '',
    kind        text        NOT NULL CHECK (kind IN ('deposit', 'withdraw', 'other')),
    reason      text        NOT NULL DEFAULT '', -- why it may not settle a transfer by itself
    received_at timestamptz NOT NULL, -- by the phone's clock
    created_at  timestamptz NOT NULL DEFAULT now(),
    repeats     integer     NOT NULL DEFAULT 0,
    CONSTRAINT sms_content UNIQUE (merchant_id, content)
);
CREATE INDEX sms_facts ON sms (merchant_id, facts);
CREATE INDEX sms_unread ON sms (merchant_id, id) WHERE kind = 'other' AND reason IN ('unknown_layout', 'unknown_direction', 'sign_conflict', 'no_amount');
CREATE UNIQUE INDEX sms_message_id ON sms (merchant_id, source, message_id) WHERE message_id <> '';

CREATE TABLE deposits (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    merchant_id     bigint      NOT NULL REFERENCES merchants,
    sms_id          bigint      NOT NULL UNIQUE REFERENCES sms, -- an SMS is one deposit at most
    card_id         bigint      REFERENCES destination_cards,   -- where it arrived, null for an account that is not ours
    bank            text        NOT NULL DEFAULT '',
    account         text        NOT NULL DEFAULT '', -- as printed
    amount          bigint      NOT NULL CHECK (amount > 0), -- rial
    balance         bigint,
    at              timestamptz NOT NULL, -- by the bank's clock, else the phone's
    payer_card_id   uuid        REFERENCES card_vault, -- when the bank printed the whole number
    payer_card      text        NOT NULL DEFAULT '', -- masked
    state           text        NOT NULL DEFAULT 'suspense'
                    CHECK (state IN ('suspense', 'matched', 'assigned', 'refunded', 'ignored')),
    reason          text        NOT NULL DEFAULT '', -- why nobody owns it
    transfer_id     bigint      REFERENCES transfers,
    resolve_by      timestamptz NOT NULL,
    resolved_at     timestamptz,
    resolved_by     text        NOT NULL DEFAULT '',
    resolved_why    text        NOT NULL DEFAULT '',
    reference       text        NOT NULL DEFAULT '', -- the bank's, of money sent back by hand
    needs_attention text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((state IN ('matched', 'assigned')) = (transfer_id IS NOT NULL)),
    CHECK ((state IN ('assigned', 'refunded', 'ignored')) = (resolved_at IS NOT NULL)),
    CHECK (resolved_at IS NULL OR (resolved_by <> '' AND resolved_why <> '')),
    -- A transfer is paid by one deposit.
    CONSTRAINT deposits_transfer UNIQUE (transfer_id)
);
CREATE INDEX deposits_suspense ON deposits (merchant_id, id) WHERE state = 'suspense';
CREATE INDEX deposits_list ON deposits (merchant_id, id);

GRANT SELECT, INSERT, UPDATE ON devices, sms, deposits TO paysaga_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paysaga_app;

-- +goose StatementBegin
DO $$
BEGIN
    ASSERT NOT has_table_privilege('paysaga_app', 'sms', 'DELETE'), 'a message must not vanish';
    ASSERT NOT has_table_privilege('paysaga_app', 'deposits', 'DELETE'), 'a deposit must not vanish';
END $$;
-- +goose StatementEnd
