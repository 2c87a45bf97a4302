-- The ledger of one shard: rows, hourly rollups, watermarks, and what binds the shard to its log.

-- Which Kafka log a row or a watermark speaks of: offsets mean nothing without it.
create table logs (
    log_id     smallint generated always as identity primary key,
    cluster_id text not null,
    topic_id   uuid not null,
    topic      text not null,
    added_at   timestamptz not null default now(),
    unique (cluster_id, topic_id)
);

-- How far each partition is in this shard, and which owner may move that on.
create table watermarks (
    log_id     smallint not null references logs,
    partition  integer not null,
    next       bigint not null,
    epoch      bigint not null default 0,
    updated_at timestamptz not null default now(),
    primary key (log_id, partition)
) with (fillfactor = 50);

-- Fixed widths first, so that no row pays for padding. quantity counts millionths.
create table events (
    account_id   bigint not null,
    event_id     uuid not null,
    id_time      timestamptz not null,
    occurred_at  timestamptz not null,
    quantity     bigint not null,
    kafka_offset bigint not null,
    partition    integer not null,
    log_id       smallint not null,
    metric       text not null,
    properties   jsonb,
    primary key (account_id, event_id, id_time)
) partition by range (id_time);

create table usage_hourly (
    account_id bigint not null,
    metric     text not null,
    hour       timestamptz not null,
    quantity   numeric(38, 0) not null,
    events     bigint not null,
    version    bigint not null,
    primary key (account_id, metric, hour)
) with (fillfactor = 80);

-- Slot → shard. Shard 0 decides; the others hold copies.
create table slot_maps (
    version      bigint primary key,
    shards       smallint[] not null check (array_length(shards, 1) = 4096),
    published_at timestamptz not null default now()
);

-- Which life of Redis this shard's keys belong to.
create table redis_generation (
    only_row   boolean primary key default true check (only_row),
    generation bigint not null,
    run_id     text not null default '',
    raised_at  timestamptz not null default now(),
    reason     text not null
);
insert into redis_generation (generation, reason) values (1, 'first');

-- Makes the daily partition that holds a moment. Attaching takes a lock that lets rows in and out.
create function ensure_day(moment timestamptz) returns void language plpgsql as $$
declare
    day   timestamptz := date_trunc('day', moment, 'UTC');
    named text := 'events_' || to_char(day at time zone 'UTC', 'YYYYMMDD');
begin
    perform pg_advisory_xact_lock(hashtextextended('vvbill-ingest ' || named, 0));
    if to_regclass(named) is not null then
        return;
    end if;
    execute format('create table %I (like events including all)', named);
    execute format('alter table events attach partition %I for values from (%L) to (%L)',
                   named, day, day + interval '1 day');
end
$$;
