-- What sagas must be told. A row is written in the transaction of the fact it tells and deleted when
-- Temporal has taken it; rows of one saga are delivered in order.
-- +goose Up
CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    saga        text        NOT NULL, -- 'payment'
    ref         text        NOT NULL, -- with saga: the workflow id, 'payment/<token>'
    message     text        NOT NULL, -- 'start' or the signal's name
    payload     jsonb       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    tries       integer     NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL DEFAULT now(),
    last_error  text
);
CREATE INDEX outbox_saga ON outbox (saga, ref, id);

GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO paysaga_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paysaga_app;

-- +goose StatementBegin
DO $$
BEGIN
    ASSERT has_table_privilege('paysaga_app', 'outbox', 'DELETE'), 'the dispatcher cannot remove what it delivered';
END $$;
-- +goose StatementEnd
