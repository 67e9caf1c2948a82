-- Merchants, the keys that speak for them, their branches and destination cards.
-- +goose Up
-- +goose StatementBegin
DO $$
BEGIN
    -- The role the processes work under. It owns nothing and may not rewrite what is append-only.
    CREATE ROLE paysaga_app NOLOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL; -- roles belong to the cluster, not to this database
END $$;
-- +goose StatementEnd

CREATE TABLE merchants (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id      text        NOT NULL UNIQUE CHECK (public_id ~ '^[A-Za-z0-9_-]{3,40}$'),
    uuid           uuid        NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    display_name   text        NOT NULL DEFAULT '',
    biz_name       text        NOT NULL DEFAULT '',
    image_url      text        NOT NULL DEFAULT '',
    return_url     text        NOT NULL DEFAULT '',
    collect_window interval    NOT NULL DEFAULT '20 minutes' CHECK (collect_window > '0' AND collect_window <= '20 minutes'),
    gateways       text[]      NOT NULL CHECK (cardinality(gateways) > 0), -- in the order they are offered
    disabled_at    timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    merchant_id   bigint      NOT NULL REFERENCES merchants,
    label         text        NOT NULL DEFAULT '',
    secret_sha256 bytea       NOT NULL UNIQUE CHECK (length(secret_sha256) = 32),
    hint          text        NOT NULL, -- the last four characters, to tell keys apart
    scopes        text[]      NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz,
    revoked_at    timestamptz
);
CREATE INDEX api_keys_merchant ON api_keys (merchant_id);

CREATE TABLE branches (
    id          bigint PRIMARY KEY CHECK (id > 0), -- given by the operator: it stands in issued tokens
    merchant_id bigint      NOT NULL REFERENCES merchants,
    name        text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX branches_merchant ON branches (merchant_id);

-- Card numbers live here and nowhere else: encrypted, found by a keyed hash, shown as BIN and last four.
CREATE TABLE card_vault (
    id          uuid PRIMARY KEY,
    merchant_id bigint      NOT NULL REFERENCES merchants,
    key_id      text        NOT NULL,
    sealed      bytea       NOT NULL,
    pan_hmac    bytea       NOT NULL CHECK (length(pan_hmac) = 32),
    bin         text        NOT NULL CHECK (bin ~ '^[0-9]{6}$'),
    last4       text        NOT NULL CHECK (last4 ~ '^[0-9]{4}$'),
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (merchant_id, pan_hmac)
);

CREATE TABLE destination_cards (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    merchant_id bigint      NOT NULL REFERENCES merchants,
    card_id     uuid        NOT NULL REFERENCES card_vault,
    bank        text        NOT NULL,
    holder      text        NOT NULL,
    disabled_at timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (merchant_id, card_id)
);

GRANT SELECT, INSERT, UPDATE ON merchants, api_keys, branches, card_vault, destination_cards TO paysaga_app;
GRANT SELECT ON goose_db_version TO paysaga_app; -- readiness compares it with the binary

-- +goose StatementBegin
DO $$
BEGIN
    ASSERT has_table_privilege('paysaga_app', 'merchants', 'INSERT'), 'the application role cannot work';
    ASSERT NOT has_table_privilege('paysaga_app', 'merchants', 'DELETE'), 'merchants must never be deleted';
END $$;
-- +goose StatementEnd
