-- The newest reading of each field.
CREATE VIEW edge_daemon.newest AS
SELECT DISTINCT ON (device, field) *
FROM edge_daemon.reading
ORDER BY device, field, epoch DESC, seq DESC;

-- Each field and hour: how many readings, how many of them accepted, and the accepted values.
CREATE VIEW edge_daemon.hourly AS
SELECT
    device,
    field,
    date_trunc('hour', captured_at) AS hour,
    count(*) AS readings,
    count(*) FILTER (WHERE status = 'ok') AS accepted,
    min(value) FILTER (WHERE status = 'ok') AS lowest,
    max(value) FILTER (WHERE status = 'ok') AS highest,
    avg(value) FILTER (WHERE status = 'ok') AS mean,
    (array_agg(value ORDER BY epoch DESC, seq DESC) FILTER (WHERE status = 'ok'))[1] AS last
FROM edge_daemon.reading
GROUP BY device, field, hour;

-- What was seen and not accepted, and why. `accepted` is the value that still counts.
CREATE VIEW edge_daemon.withheld AS
SELECT
    id,
    device,
    field,
    captured_at,
    status AS reason,
    candidates -> 0 ->> 0 AS seen,
    confidence,
    text AS accepted,
    value_at
FROM edge_daemon.reading
WHERE status <> 'ok';

-- Numbers of a device that are not here, between two that are.
CREATE VIEW edge_daemon.gap AS
SELECT
    device,
    epoch,
    seq + 1 AS first_seq,
    next_seq - 1 AS last_seq,
    next_seq - seq - 1 AS missing,
    at AS after,
    next_at AS before
FROM (
    SELECT *, lead(seq) OVER following AS next_seq, lead(at) OVER following AS next_at
    FROM (
        SELECT device, epoch, seq, captured_at AS at FROM edge_daemon.reading
        UNION ALL
        SELECT device, epoch, seq, at FROM edge_daemon.event
    ) AS record
    WINDOW following AS (PARTITION BY device, epoch ORDER BY seq)
) AS pair
WHERE next_seq > seq + 1;

-- The newest health message of each device, and what is wrong there.
CREATE VIEW edge_daemon.device_health AS
SELECT
    health.device,
    health.received_at AS seen_at,
    health.received_at > now() - interval '3 minutes' AS alive,  -- there is one each minute
    problem.payload ->> 'text' AS problem,
    (health.payload ->> 'uptime_s')::bigint AS uptime_s,
    (health.payload ->> 'last_good_age_s')::bigint AS last_good_age_s,
    (health.payload -> 'queue' ->> 'waiting')::bigint AS waiting,
    (health.payload -> 'queue' ->> 'dropped')::bigint AS dropped,
    (health.payload ->> 'temperature_c')::double precision AS temperature_c,
    (health.payload ->> 'rss_bytes')::bigint AS rss_bytes,
    (health.payload ->> 'written_bytes_per_day')::bigint AS written_bytes_per_day
FROM edge_daemon.state AS health
LEFT JOIN edge_daemon.state AS problem ON problem.device = health.device AND problem.kind = 'problem'
WHERE health.kind = 'health';
