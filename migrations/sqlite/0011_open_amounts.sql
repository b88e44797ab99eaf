-- What lapses is found by when it does, so that those made one after another stand together, whatever their keys.

drop index reservations_open;
create index reservations_open on reservations (lapses_at, key_id) where state = 'reserved';
