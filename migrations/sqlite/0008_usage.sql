-- The log by key is a table of its own. Requests come in the order of time and keys in none, so that an index would have a page
-- changed for almost every request; of a busy log this table is written in sweeps instead, in the order of keys.
drop index requests_by_key;
create table requests_by_key (
    workspace_id text not null,
    key_id       text not null,
    id           text not null,
    primary key (workspace_id, key_id, id)
) without rowid;
insert into requests_by_key select workspace_id, key_id, id from requests order by workspace_id, key_id, id;
create trigger requests_by_key_follows after delete on requests
begin delete from requests_by_key where workspace_id = old.workspace_id and key_id = old.key_id and id = old.id; end;

-- Requests that no sweep has been through yet: JSON, a list of ids for each group that was committed.
create table requests_owed (
    id   text primary key,
    rows text not null
);
