//! Deliveries through real listeners on loopback.
