//! Statistics on returns and equity.
