-- Version 1 of the dashboard's own state. Made by whichever worker comes first.
BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    user TEXT NOT NULL,
    role TEXT NOT NULL,
    action TEXT NOT NULL,
    request TEXT NOT NULL,
    outcome TEXT NOT NULL,
    dataset TEXT NOT NULL,
    first_day TEXT,
    last_day TEXT,
    run_id TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS audit_by_request ON audit (request);

-- A click that arrives twice, be it at two workers, asks once.
CREATE TRIGGER IF NOT EXISTS asked_once BEFORE INSERT ON audit
WHEN NEW.outcome = 'asked'
    AND EXISTS (SELECT 1 FROM audit WHERE request = NEW.request AND outcome = 'asked')
BEGIN SELECT raise(ABORT, 'asked before'); END;

-- INSERT OR REPLACE would delete without a trigger noticing.
CREATE TRIGGER IF NOT EXISTS audit_is_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN SELECT raise(ABORT, 'the audit is append-only'); END;

CREATE TRIGGER IF NOT EXISTS audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'the audit is append-only'); END;

CREATE TRIGGER IF NOT EXISTS audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'the audit is append-only'); END;

PRAGMA user_version = 1;

COMMIT;
