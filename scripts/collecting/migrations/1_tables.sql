CREATE SCHEMA IF NOT EXISTS edge_daemon;

CREATE TABLE edge_daemon.schema_version (version integer NOT NULL);
INSERT INTO edge_daemon.schema_version VALUES (0);

CREATE TABLE edge_daemon.reading (
    id text PRIMARY KEY,                    -- device/epoch/seq
    device text NOT NULL,
    epoch text NOT NULL,                    -- rises when a device has lost its store; within one, seq never goes back
    seq bigint NOT NULL,
    field text NOT NULL,
    captured_at timestamptz NOT NULL,
    status text NOT NULL,
    value double precision,                 -- the last accepted one; of an identifier there is only the text
    text text,
    unit text,
    value_at timestamptz,                   -- when value and text were read
    confidence double precision NOT NULL,
    candidates jsonb,                       -- what was just seen: [text, confidence], best first
    time_quality text NOT NULL,             -- synced, or estimated: the device's clock had not been set
    model text
);
CREATE INDEX reading_of_field ON edge_daemon.reading (device, field, epoch, seq);
CREATE INDEX reading_over_time ON edge_daemon.reading USING brin (captured_at);
CREATE INDEX reading_withheld ON edge_daemon.reading (captured_at) WHERE status <> 'ok';

CREATE TABLE edge_daemon.event (
    id text PRIMARY KEY,                    -- device/epoch/seq: readings and events of a device are numbered together
    device text NOT NULL,
    epoch text NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    event_type text NOT NULL,
    field text,
    payload jsonb NOT NULL                  -- the whole message
);

CREATE TABLE edge_daemon.state (
    device text NOT NULL,
    kind text NOT NULL,                     -- health or problem
    received_at timestamptz NOT NULL,
    payload jsonb NOT NULL,                 -- the newest message
    PRIMARY KEY (device, kind)
);

CREATE TABLE edge_daemon.dead_letter (
    digest bytea PRIMARY KEY,               -- of topic and payload: the same message is stored once
    received_at timestamptz NOT NULL DEFAULT now(),
    topic text NOT NULL,
    payload bytea NOT NULL,
    reason text NOT NULL
);
