-- Version 2: users with their roles and stores, logins, and what was looked at and taken away.
BEGIN IMMEDIATE;

-- Pages that were opened and files that were taken, with their filters as the URL has them.
ALTER TABLE audit ADD COLUMN path TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN filters TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN rows INTEGER;
ALTER TABLE audit ADD COLUMN data_version INTEGER;
ALTER TABLE audit ADD COLUMN address TEXT NOT NULL DEFAULT '';

CREATE INDEX audit_by_action ON audit (action, id);
CREATE INDEX audit_by_user ON audit (user, id);

CREATE TABLE users (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'manager', 'admin')),
    -- Ids of pos_config as a JSON list; null: all stores.
    stores TEXT,
    -- Null: a proxy logs this reader in.
    password_hash TEXT,
    active INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    CHECK (role <> 'admin' OR stores IS NULL)
) STRICT;

-- Whoever's rights or password change is logged out everywhere.
CREATE TABLE sessions (
    key TEXT PRIMARY KEY,
    user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    began_at TEXT NOT NULL,
    seen_at TEXT NOT NULL
) STRICT;

CREATE TRIGGER sessions_end_with_rights
AFTER UPDATE OF role, stores, password_hash, active ON users
BEGIN DELETE FROM sessions WHERE user = NEW.name; END;

-- Failed logins of late: a hash of the name, and where they came from.
CREATE TABLE attempts (
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;

CREATE INDEX attempts_by_time ON attempts (at);

-- When a reader last came to a page with these filters: a view is told once, not by each callback.
CREATE TABLE viewed (
    reader TEXT NOT NULL,
    view TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (reader, view)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 2;

COMMIT;
