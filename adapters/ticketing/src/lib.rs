//! Attendance: what ticketing systems, gates and timesheets saw of somebody's taking part.
