-- Which of a topic's logs is the present one, and where a log was entered that rows come from only from there on.

-- Set by a cut-over when another log takes this one's place: nothing is taken from it any more.
alter table logs add column retired_at timestamptz;

-- The offset at which a cut-over entered the log; null: it was read from its beginning.
alter table watermarks add column began bigint;

-- Each cut-over, with what stood before it and where it goes on, by partition.
create table cut_overs (
    from_log smallint references logs,
    to_log   smallint not null references logs,
    at       timestamptz not null default now(),
    starts   jsonb not null
);
