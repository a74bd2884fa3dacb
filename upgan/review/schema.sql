-- Lists of proposed facts and what people decided. A decision is never changed or removed: what is undone says when.
CREATE TABLE lists (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    catalogue TEXT NOT NULL,   -- fingerprint of the first version of the data
    dataset TEXT NOT NULL,     -- fingerprint of the version that the list was made for
    name TEXT NOT NULL,        -- of the dataset
    run TEXT NOT NULL,         -- name of the run folder
    model TEXT NOT NULL,       -- fingerprint of the run
    made TEXT NOT NULL,        -- UTC, ISO 8601
    options TEXT NOT NULL,     -- JSON: what was asked for
    promise TEXT NOT NULL      -- JSON: how the promises were kept on held-out facts
);
CREATE TABLE lines (
    list INTEGER NOT NULL REFERENCES lists (id),
    place INTEGER NOT NULL,
    head TEXT NOT NULL, relation TEXT NOT NULL, tail TEXT NOT NULL,
    head_label TEXT NOT NULL, relation_label TEXT NOT NULL, tail_label TEXT NOT NULL,
    asked TEXT NOT NULL,       -- the end that was asked for: head or tail
    kind TEXT NOT NULL,        -- of the entity whose slot it is
    slot TEXT NOT NULL,        -- empty or further
    sure REAL,                 -- estimated precision, NULL where it is not known
    score REAL NOT NULL,
    users REAL NOT NULL,       -- what they add to the share
    decides INTEGER NOT NULL,  -- 1: the first answer with users, and not without
    reason TEXT NOT NULL,
    PRIMARY KEY (list, place)
) WITHOUT ROWID;
CREATE UNIQUE INDEX line_of_fact ON lines (list, head, relation, tail);
CREATE TABLE decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    catalogue TEXT NOT NULL,
    head TEXT NOT NULL, relation TEXT NOT NULL, tail TEXT NOT NULL,
    head_label TEXT NOT NULL, relation_label TEXT NOT NULL, tail_label TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('yes', 'no', 'unsure')),
    who TEXT NOT NULL,
    "when" TEXT NOT NULL,      -- UTC, ISO 8601
    list INTEGER NOT NULL, place INTEGER NOT NULL,
    run TEXT NOT NULL, model TEXT NOT NULL,
    slot TEXT NOT NULL, sure REAL, score REAL NOT NULL, users REAL NOT NULL, reason TEXT NOT NULL,
    batch INTEGER,             -- the first decision of those made and undone together; NULL: made alone
    undone TEXT                -- UTC, ISO 8601; NULL: it stands
);
CREATE INDEX decisions_of_fact ON decisions (catalogue, head, relation, tail, id) WHERE undone IS NULL;
-- What stands of each fact: the last decision, and how many people think otherwise.
CREATE VIEW standing AS
SELECT d.*, (
    SELECT count(*) FROM decisions o
    WHERE o.undone IS NULL AND o.catalogue = d.catalogue AND o.head = d.head AND o.relation = d.relation
        AND o.tail = d.tail AND o.verdict <> d.verdict
        AND o.id = (SELECT max(p.id) FROM decisions p WHERE p.undone IS NULL AND p.catalogue = o.catalogue
            AND p.head = o.head AND p.relation = o.relation AND p.tail = o.tail AND p.who = o.who)
) AS against
FROM decisions d
WHERE d.id IN (SELECT max(id) FROM decisions WHERE undone IS NULL GROUP BY catalogue, head, relation, tail);
