-- The books. One row moves one amount between two accounts, so they balance by construction.
-- Accounts: 'bank/<gateway>' (clearing), 'merchant/<id>/held', 'merchant/<id>/available'.
-- +goose Up
CREATE TABLE ledger_transfers (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    debit_account  text        NOT NULL, -- where the money comes from
    credit_account text        NOT NULL CHECK (credit_account <> debit_account),
    amount         bigint      NOT NULL CHECK (amount > 0), -- rial
    ref            text        NOT NULL UNIQUE,             -- 'attempt/7/paid': a step moves money once
    at             timestamptz NOT NULL DEFAULT now()
);

-- Balances that must not go below zero, kept by a trigger in the same statement as the transfer. Only
-- what a merchant can spend is guarded: other accounts are sums, and a hot row for each of them would
-- make payments wait for each other.
CREATE TABLE ledger_balances (
    account text   PRIMARY KEY,
    balance bigint NOT NULL CONSTRAINT balance_not_negative CHECK (balance >= 0)
);

-- +goose StatementBegin
CREATE FUNCTION ledger_apply() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF NEW.debit_account LIKE 'merchant/%/available' THEN
        UPDATE ledger_balances SET balance = balance - NEW.amount WHERE account = NEW.debit_account;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'account % is empty', NEW.debit_account USING ERRCODE = 'check_violation', CONSTRAINT = 'balance_not_negative';
        END IF;
    END IF;
    IF NEW.credit_account LIKE 'merchant/%/available' THEN
        INSERT INTO ledger_balances AS b (account, balance) VALUES (NEW.credit_account, NEW.amount)
        ON CONFLICT (account) DO UPDATE SET balance = b.balance + EXCLUDED.balance;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER ledger_apply AFTER INSERT ON ledger_transfers FOR EACH ROW
    WHEN (NEW.debit_account LIKE 'merchant/%/available' OR NEW.credit_account LIKE 'merchant/%/available')
    EXECUTE FUNCTION ledger_apply();

GRANT SELECT, INSERT ON ledger_transfers TO paysaga_app;
GRANT SELECT ON ledger_balances TO paysaga_app; -- written by the trigger alone
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paysaga_app;

-- +goose StatementBegin
DO $$
BEGIN
    ASSERT NOT has_table_privilege('paysaga_app', 'ledger_transfers', 'UPDATE'), 'the ledger is append-only';
    ASSERT NOT has_table_privilege('paysaga_app', 'ledger_transfers', 'DELETE'), 'the ledger is append-only';
    ASSERT NOT has_table_privilege('paysaga_app', 'ledger_balances', 'UPDATE'), 'balances follow transfers';
END $$;
-- +goose StatementEnd
