create schema if not exists "read_1";
create table "read_1"."change_month" ("tag_id" bigint not null, "month" date not null, "changes" int not null, primary key ("tag_id", "month"));

create table "read_1"."checkpoint" ("stream" text collate "C" not null, "sequence" bigint not null, "stream_created" timestamptz(3) not null, "event_at" timestamptz(3) null, "projected_at" timestamptz(3) null, primary key ("stream"));

create table "read_1"."digest_change" ("sequence" bigint not null, "tag_id" bigint null, "kind" text null, "shown" boolean not null, "imported" boolean not null, "digest" text collate "C" null, "previous_digest" text collate "C" null, "not_before" timestamptz(3) null, "observed_at" timestamptz(3) null, "pushed_at" timestamptz(3) null, "source" text null, "subject" text not null, "event" bytea not null, primary key ("sequence"));
create index "digest_change_of_tag" on "read_1"."digest_change" (tag_id, shown, observed_at desc, sequence desc) include (kind);
create index "digest_change_live" on "read_1"."digest_change" (sequence) where shown and not imported;

create table "read_1"."manifest" ("digest" text collate "C" not null, "media_type" text not null, "size" bigint null, "platforms" jsonb not null, "created_at" timestamptz(3) null, primary key ("digest"));

create table "read_1"."manifest_event" ("sequence" bigint not null, "subject" text not null, "event" bytea not null, primary key ("sequence"));

create table "read_1"."repository" ("id" bigint not null, "registry" text collate "C" not null, "repository" text collate "C" not null, "tags" int not null default 0, "tracked_tags" int not null default 0, "changes" bigint not null default '0', "watched_from" timestamptz(3) null, "last_scanned_at" timestamptz(3) null, "last_scan_started_at" timestamptz(3) null, "last_scan_id" text null, "interval_seconds" double precision null, "failed_scans" int not null default 0, "last_failure_code" text null, "last_failure" text null, "last_failed_at" timestamptz(3) null, primary key ("id"));
alter table "read_1"."repository" add constraint "repository_name" unique ("registry", "repository");

create table "read_1"."scan_day" ("day" date not null, "registry" text collate "C" not null, "succeeded" int not null, "failed" int not null, "duration_seconds" double precision not null, "requests" bigint not null, "observations" bigint not null, primary key ("day", "registry"));

create table "read_1"."scan_gap" ("repository_id" bigint not null, "gap_from" timestamptz(3) not null, "gap_to" timestamptz(3) not null, primary key ("repository_id", "gap_from"));

create table "read_1"."scan_hour" ("hour" timestamptz(3) not null, "registry" text collate "C" not null, "succeeded" int not null, "failed" int not null, "duration_seconds" double precision not null, "requests" bigint not null, "observations" bigint not null, primary key ("hour", "registry"));

create table "read_1"."tag" ("id" bigint not null, "repository_id" bigint not null, "reference" text collate "C" not null, "registry" text collate "C" not null, "repository" text collate "C" not null, "tag" text collate "C" not null, "tracked" boolean not null default false, "tracked_since" timestamptz(3) null, "tracked_by" text null, "first_tracked_sequence" bigint null, "tracked_sequence" bigint null, "untracked_sequence" bigint null, "untracked_at" timestamptz(3) null, "untracked_by" text null, "digest" text collate "C" null, "media_type" text null, "baseline_at" timestamptz(3) null, "last_changed_at" timestamptz(3) null, "last_pushed_at" timestamptz(3) null, "last_pushed_source" text null, "change_count" int not null default 0, "entry_count" int not null default 0, "gone_at" timestamptz(3) null, "history_sequence" bigint not null default '0', "imported" boolean not null default false, "covered_since" timestamptz(3) null, "exempt" boolean not null default true, "own_last_scanned_at" timestamptz(3) null, "failed_scans" int not null default 0, "last_failure_code" text null, "last_failure" text null, "last_failed_at" timestamptz(3) null, "repository_unreachable" boolean not null default false, "phase" text generated always as (case
  when not tracked and untracked_by is distinct from 'expiry' then 'untracked'
  when gone_at is not null then 'gone'
  when not tracked then 'expired'
  when repository_unreachable or failed_scans >= 2 then 'unreachable'
  when covered_since is null then 'pending'
  else 'watched' end) stored not null, "activity_at" timestamptz(3) generated always as (case when tag = 'latest' then null else greatest(last_pushed_at, last_changed_at) end) stored null, "search" text generated always as (lower(reference)) stored collate "C" not null, primary key ("id"));
create index "tag_of_repository" on "read_1"."tag" ("repository_id", "tag", "id");
create index "tag_of_digest" on "read_1"."tag" ("digest");
create index "tag_exempt" on "read_1"."tag" ("repository_id") where exempt;
create index "tag_by_phase" on "read_1"."tag" ("phase", "activity_at");
create index "tag_by_last_changed_at" on "read_1"."tag" (coalesce(last_changed_at, '-infinity') desc nulls last, search desc, id desc) include (phase, activity_at, last_changed_at);
create index "tag_by_tracked_since" on "read_1"."tag" (coalesce(tracked_since, '-infinity') desc nulls last, search desc, id desc) include (phase, activity_at, tracked_since);
create index "tag_by_change_count" on "read_1"."tag" (change_count desc nulls last, search desc, id desc) include (phase, activity_at);
create index "tag_by_registry" on "read_1"."tag" (registry desc nulls last, search desc, id desc) include (phase, activity_at);
create index "tag_by_repository" on "read_1"."tag" (repository desc nulls last, search desc, id desc) include (phase, activity_at);
create index "tag_by_tag" on "read_1"."tag" (tag desc nulls last, search desc, id desc) include (phase, activity_at);
alter table "read_1"."tag" add constraint "tag_reference" unique ("reference");

create table "read_1"."tracking_event" ("sequence" bigint not null, "subject" text not null, "event" bytea not null, primary key ("sequence"));

    create table "read_1".tag_version (
      version uuid not null default gen_random_uuid(),
      only_row boolean primary key default true check (only_row)
    );
    insert into "read_1".tag_version default values;
    create function "read_1".tags_changed() returns trigger language plpgsql as
      $$ begin update "read_1".tag_version set version = gen_random_uuid(); return null; end $$;
    create trigger tags_changed after insert or update or delete or truncate on "read_1".tag
      execute function "read_1".tags_changed();
