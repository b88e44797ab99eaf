-- Old reservations are found by their ids, which sort by time.

drop index reservations_by_age;
