-- Answers to requests that carried an Idempotency-Key, replayed byte for byte.
-- +goose Up
CREATE TABLE idempotency_keys (
    merchant_id bigint      NOT NULL REFERENCES merchants,
    route       text        NOT NULL,
    key         text        NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint bytea       NOT NULL CHECK (length(fingerprint) = 32), -- SHA-256 of the request as read
    status      integer     NOT NULL,
    body        bytea       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, route, key)
);
GRANT SELECT, INSERT, UPDATE ON idempotency_keys TO paysaga_app;

-- +goose StatementBegin
DO $$
BEGIN
    ASSERT NOT has_table_privilege('paysaga_app', 'idempotency_keys', 'DELETE'), 'a stored answer must not vanish';
END $$;
-- +goose StatementEnd
