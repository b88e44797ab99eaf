-- The log by key, as SQLite has it in a table of its own.
alter index requests_by_key rename to requests_key_order;
create view requests_by_key as select workspace_id, key_id, id from requests;
