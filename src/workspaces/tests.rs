//! Workspaces through the portal's router, by outcome.
