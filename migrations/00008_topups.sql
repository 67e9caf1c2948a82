-- Mobile top-ups, what can be bought, and the prepaid balance it is bought from.
-- +goose Up
CREATE TABLE carriers (
    id      integer PRIMARY KEY CHECK (id > 0), -- the contract's operator_id
    name    text    NOT NULL,
    name_fa text    NOT NULL,
    active  boolean NOT NULL DEFAULT true
);
INSERT INTO carriers (id, name, name_fa) VALUES
    (1, 'MCI', 'همراه اول'), (2, 'Irancell', 'ایرانسل'), (3, 'Rightel', 'رایتل'), (4, 'Aptel', 'آپتل'), (5, 'Shatel Mobile', 'شاتل موبایل');

CREATE TABLE products (
    id               bigint  PRIMARY KEY CHECK (id > 0),
    provider         text    NOT NULL, -- the reseller it is bought from
    operator_id      integer NOT NULL REFERENCES carriers,
    type             text    NOT NULL CHECK (type <> ''),
    sim_card_type    text    NOT NULL CHECK (sim_card_type IN ('credit', 'permanent')),
    profile_id       text    NOT NULL DEFAULT '', -- the carrier's package code
    name             text    NOT NULL,
    name_en          text,
    description      text,
    description_full text,
    price            bigint  NOT NULL CHECK (price > 0), -- rial
    second_price     bigint  CHECK (second_price >= price), -- upper end of a range
    capacity         text,
    period           text,
    sort             integer NOT NULL DEFAULT 0,
    active           boolean NOT NULL DEFAULT true,
    created_at       timestamptz,
    updated_at       timestamptz
);
-- What a reseller's catalogue is compared by.
CREATE UNIQUE INDEX products_at_provider ON products (provider, operator_id, type, sim_card_type, profile_id, price);
CREATE SEQUENCE products_id_seq AS bigint START 1000 OWNED BY products.id; -- for products that a catalogue brings

-- Money that a merchant paid in by other ways than through us.
CREATE TABLE balance_credits (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    merchant_id bigint      NOT NULL REFERENCES merchants,
    amount      bigint      NOT NULL CHECK (amount > 0), -- rial
    by          text        NOT NULL CHECK (by <> ''),
    reason      text        NOT NULL CHECK (reason <> ''),
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE topups (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    merchant_id     bigint      NOT NULL REFERENCES merchants,
    key             text        NOT NULL, -- the merchant's Idempotency-Key
    webservice_code text        NOT NULL CHECK (webservice_code <> ''),
    product_id      bigint      NOT NULL REFERENCES products,
    provider        text        NOT NULL,
    mobile          text        NOT NULL CHECK (mobile ~ '^989[0-9]{9}$'),
    amount          bigint      NOT NULL CHECK (amount > 0), -- rial
    state           text        NOT NULL DEFAULT 'reserved'
                    CHECK (state IN ('reserved', 'unknown', 'delivered', 'reversed')),
    reference       text        NOT NULL DEFAULT '', -- the reseller's
    code            text        NOT NULL DEFAULT '', -- its latest code
    why             text        NOT NULL DEFAULT '', -- why it was reversed, for the merchant
    inquiries       integer     NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    submitted_at    timestamptz, -- set before the order goes out: it goes out once
    ended_at        timestamptz,
    needs_attention text,
    CONSTRAINT topups_code UNIQUE (merchant_id, webservice_code),
    CONSTRAINT topups_key UNIQUE (merchant_id, key),
    CHECK ((state IN ('delivered', 'reversed')) = (ended_at IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX topups_open ON topups (merchant_id) WHERE ended_at IS NULL;
CREATE INDEX topups_attention ON topups (id) WHERE needs_attention IS NOT NULL;

-- No foreign key, as with payment_events.
CREATE TABLE topup_events (
    id       bigint GENERATED ALWAYS AS IDENTITY,
    topup_id bigint      NOT NULL,
    kind     text        NOT NULL,
    note     text        NOT NULL DEFAULT '', -- who or why, never a mobile
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topup_id, id)
);

-- A merchant's statement.
CREATE INDEX ledger_spendable_in ON ledger_transfers (credit_account, id) WHERE credit_account LIKE 'merchant/%/available';
CREATE INDEX ledger_spendable_out ON ledger_transfers (debit_account, id) WHERE debit_account LIKE 'merchant/%/available';

GRANT SELECT ON carriers TO paysaga_app;
GRANT UPDATE (active) ON carriers TO paysaga_app;
GRANT SELECT, INSERT, UPDATE ON products, topups TO paysaga_app;
GRANT SELECT, INSERT ON topup_events, balance_credits TO paysaga_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paysaga_app;

-- +goose StatementBegin
DO $$
BEGIN
    ASSERT NOT has_table_privilege('paysaga_app', 'topup_events', 'UPDATE'), 'the timeline is append-only';
    ASSERT NOT has_table_privilege('paysaga_app', 'topups', 'DELETE'), 'top-ups must never be deleted';
    ASSERT NOT has_table_privilege('paysaga_app', 'balance_credits', 'UPDATE'), 'credits are append-only';
END $$;
-- +goose StatementEnd
