-- What an endpoint did not get is counted and sent again without reading all that it got.

create index webhook_deliveries_not_got on webhook_deliveries (endpoint_id, id) where state in ('failed', 'missed');
