-- What merchants are told. Every change of a saga's state writes one message for each endpoint that
-- listens, in the transaction of the change: triggers do it, so that no statement can forget.
-- +goose Up
CREATE TABLE webhook_endpoints (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    merchant_id     bigint      NOT NULL REFERENCES merchants,
    url             text        NOT NULL CHECK (length(url) BETWEEN 6 AND 2000),
    description     text        NOT NULL DEFAULT '',
    events          text[]      NOT NULL DEFAULT '{}', -- 'payment.collected' or 'payment.*'; none = every one
    callback        boolean     NOT NULL DEFAULT false, -- named in a request as url_callback: hears of that record only
    key_id          text        NOT NULL,
    sealed          bytea       NOT NULL, -- its secret, encrypted: a signature needs the secret itself
    old_key_id      text,
    old_sealed      bytea,       -- the secret before, which signs too until old_until
    old_until       timestamptz,
    state           text        NOT NULL DEFAULT 'enabled' CHECK (state IN ('enabled', 'paused', 'disabled', 'deleted')),
    disabled_reason text        NOT NULL DEFAULT '', -- why it was disabled: 'gone'
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_endpoints_merchant ON webhook_endpoints (merchant_id, id) WHERE state <> 'deleted';
CREATE UNIQUE INDEX webhook_endpoints_callback ON webhook_endpoints (merchant_id, url) WHERE callback;

CREATE SEQUENCE webhook_version AS bigint;
CREATE TABLE webhook_messages (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- with its saga: webhook/<id>
    webhook_id   text        NOT NULL, -- the receiver's key against doing things twice: the same when sent again
    endpoint_id  bigint      NOT NULL REFERENCES webhook_endpoints,
    merchant_id  bigint      NOT NULL REFERENCES merchants,
    kind         text        NOT NULL, -- 'payment'
    subject_id   bigint      NOT NULL, -- the row it tells of
    event        text        NOT NULL, -- 'payment.collected'
    version      bigint      NOT NULL, -- grows with every change; of two messages on one row the higher is the later
    facts        jsonb       NOT NULL, -- the row as it was then
    state        text        NOT NULL DEFAULT 'pending'
                 CHECK (state IN ('pending', 'delivered', 'failed', 'held', 'replaced', 'dropped')),
    tries        integer     NOT NULL DEFAULT 0,
    replaces     bigint      REFERENCES webhook_messages, -- the message that this one sends again
    created_at   timestamptz NOT NULL DEFAULT now(),
    next_try_at  timestamptz,
    ended_at     timestamptz,
    CHECK ((state = 'pending') = (ended_at IS NULL))
) WITH (fillfactor = 80);
CREATE INDEX webhook_messages_list ON webhook_messages (merchant_id, id);
CREATE INDEX webhook_messages_endpoint ON webhook_messages (endpoint_id, id);
CREATE INDEX webhook_messages_waiting ON webhook_messages (endpoint_id, id) WHERE state IN ('pending', 'held');
CREATE INDEX webhook_messages_undelivered ON webhook_messages (merchant_id, id) WHERE state IN ('failed', 'held', 'dropped'); -- few
CREATE INDEX webhook_messages_subject ON webhook_messages (kind, subject_id, version);

CREATE TABLE webhook_attempts (
    message_id  bigint      NOT NULL REFERENCES webhook_messages,
    try         integer     NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    status      integer     NOT NULL DEFAULT 0, -- HTTP; 0 = no answer
    took_ms     integer     NOT NULL DEFAULT 0,
    error       text        NOT NULL DEFAULT '', -- why there was no answer
    answer      text        NOT NULL DEFAULT '', -- its first bytes
    PRIMARY KEY (message_id, try)
);

-- webhook_enqueue writes the messages of one change. `own` is the endpoint that the record itself named.
-- +goose StatementBegin
CREATE FUNCTION webhook_enqueue(of_kind text, of_merchant bigint, subject bigint, new_state text, own bigint, of_facts jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    new_event text := of_kind || '.' || new_state;
    told integer;
BEGIN
    WITH e AS (
        SELECT e.id FROM webhook_endpoints e
        WHERE e.merchant_id = of_merchant AND e.state <> 'deleted'
          AND CASE WHEN e.callback THEN e.id = own
                   ELSE e.events = '{}' OR new_event = ANY (e.events) OR of_kind || '.*' = ANY (e.events) END
    ), v AS (
        SELECT nextval('webhook_version') AS version WHERE EXISTS (SELECT FROM e)
    ), m AS (
        INSERT INTO webhook_messages (webhook_id, endpoint_id, merchant_id, kind, subject_id, event, version, facts)
        SELECT 'msg_' || replace(gen_random_uuid()::text, '-', ''), e.id, of_merchant, of_kind, subject, new_event, v.version, of_facts
        FROM e, v
        RETURNING id, endpoint_id, event
    ), o AS (
        INSERT INTO outbox (saga, ref, message, payload)
        SELECT 'webhook', m.id::text, 'start', jsonb_build_object('message_id', m.id, 'endpoint_id', m.endpoint_id, 'event', m.event, 'merchant', t.public_id)
        FROM m JOIN merchants t ON t.id = of_merchant
        RETURNING id
    )
    SELECT count(*) INTO told FROM o;
    IF told > 0 THEN
        PERFORM pg_notify('paysaga_outbox', ''); -- the statement that changed the row does not know of us
    END IF;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION payment_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM webhook_enqueue('payment', NEW.merchant_id, NEW.id, NEW.state, NULL, jsonb_build_object(
        'uuid', NEW.uuid, 'order_id', NEW.token, 'amount', NEW.amount, 'paid', NEW.amount + NEW.tip, 'data', NEW.payload,
        'txid', NEW.rrn, 'why', NEW.state_error, 'method', NEW.method, 'created_at', NEW.created_at));
    RETURN NULL;
END $$;

CREATE FUNCTION transfer_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM webhook_enqueue('transfer', NEW.merchant_id, NEW.id, NEW.state, NULL, jsonb_build_object(
        'order_id', NEW.fid::text, 'amount', NEW.price, 'paid', NEW.amount, 'created_at', NEW.created_at));
    RETURN NULL;
END $$;

CREATE FUNCTION deposit_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM webhook_enqueue('deposit', NEW.merchant_id, NEW.id, NEW.state, NULL, jsonb_build_object(
        'order_id', NEW.id::text, 'amount', NEW.amount, 'paid', NEW.amount, 'from', NEW.payer_card,
        'txid', NEW.reference, 'why', NEW.reason, 'created_at', NEW.created_at));
    RETURN NULL;
END $$;

CREATE FUNCTION topup_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM webhook_enqueue('topup', NEW.merchant_id, NEW.id, NEW.state, NULL, jsonb_build_object(
        'order_id', NEW.webservice_code, 'amount', NEW.amount, 'paid', NEW.amount, 'txid', NEW.reference,
        'why', NEW.why, 'created_at', NEW.created_at));
    RETURN NULL;
END $$;

CREATE FUNCTION purchase_told() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    p payments;
BEGIN
    SELECT * INTO p FROM payments WHERE id = NEW.payment_id;
    PERFORM webhook_enqueue('purchase', p.merchant_id, NEW.id, NEW.state, NULL, jsonb_build_object(
        'order_id', NEW.id::text, 'amount', p.amount, 'paid', p.amount + p.tip,
        'txid', 'CHECK-' || NEW.reference, 'why', CASE NEW.state WHEN 'ended' THEN p.state END, 'created_at', NEW.created_at));
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- The money of a purchase is told by the purchase.
CREATE TRIGGER payment_created AFTER INSERT ON payments FOR EACH ROW WHEN (NOT NEW.for_purchase) EXECUTE FUNCTION payment_told();
CREATE TRIGGER payment_changed AFTER UPDATE ON payments FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state AND NOT NEW.for_purchase) EXECUTE FUNCTION payment_told();
CREATE TRIGGER transfer_created AFTER INSERT ON transfers FOR EACH ROW EXECUTE FUNCTION transfer_told();
CREATE TRIGGER transfer_changed AFTER UPDATE ON transfers FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION transfer_told();
-- A deposit that finds its transfer at once has that transfer's message.
CREATE TRIGGER deposit_created AFTER INSERT ON deposits FOR EACH ROW WHEN (NEW.state <> 'matched') EXECUTE FUNCTION deposit_told();
CREATE TRIGGER deposit_changed AFTER UPDATE ON deposits FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION deposit_told();
CREATE TRIGGER topup_created AFTER INSERT ON topups FOR EACH ROW EXECUTE FUNCTION topup_told();
CREATE TRIGGER topup_changed AFTER UPDATE ON topups FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION topup_told();
CREATE TRIGGER purchase_created AFTER INSERT ON temporary_payment FOR EACH ROW EXECUTE FUNCTION purchase_told();
CREATE TRIGGER purchase_changed AFTER UPDATE ON temporary_payment FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION purchase_told();

GRANT SELECT, INSERT, UPDATE ON webhook_endpoints, webhook_messages TO paysaga_app;
GRANT SELECT, INSERT ON webhook_attempts TO paysaga_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paysaga_app;

-- +goose StatementBegin
DO $$
BEGIN
    ASSERT NOT has_table_privilege('paysaga_app', 'webhook_attempts', 'UPDATE'), 'attempts are append-only';
    ASSERT NOT has_table_privilege('paysaga_app', 'webhook_messages', 'DELETE'), 'a message must not vanish';
    ASSERT (SELECT count(*) = 10 FROM pg_trigger WHERE tgname ~ '^(payment|transfer|deposit|topup|purchase)_(created|changed)$'),
        'a change of state would go untold';
END $$;
-- +goose StatementEnd
