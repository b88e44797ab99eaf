-- What is old enough to be deleted is found without reading all.

create index reservations_by_age on reservations (created_at);
create index volumes_by_age on volumes (day);
