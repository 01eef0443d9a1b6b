-- visits.db: the visits of one day, whose number takes the place of the number sign. One table for each day, so that it goes as a
-- whole. src 0: it is not known where the visit came from.
CREATE TABLE visit_# (
    zone    INTEGER NOT NULL,
    src     INTEGER NOT NULL,
    labels  INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    reached INTEGER NOT NULL,
    error   INTEGER NOT NULL,
    alg     INTEGER NOT NULL,
    client  INTEGER NOT NULL,
    n       INTEGER NOT NULL CHECK (n > 0),
    PRIMARY KEY (zone, src, labels, outcome, reached, error, alg, client)
) STRICT, WITHOUT ROWID
