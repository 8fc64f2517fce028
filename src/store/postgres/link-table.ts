/**
 * A step of the schema: who has which device, or had it last. The row outlives the link, because it keeps the epoch and
 * how the link ended. Incarnations are texts, as those of `node` are.
 */
export const LINK_TABLE = `
  CREATE TABLE link (
    device_id TEXT COLLATE "C" PRIMARY KEY CHECK (device_id <> ''),
    node TEXT COLLATE "C",
    incarnation TEXT,
    epoch BIGINT NOT NULL,
    proven_at BIGINT NOT NULL,
    source TEXT NOT NULL,
    ended_at BIGINT,
    end_reason TEXT,
    end_message TEXT,
    CHECK ((node IS NULL) = (incarnation IS NULL))
  );
  CREATE INDEX link_node ON link (node);
`
