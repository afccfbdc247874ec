PRAGMA application_id = 1464814931;
PRAGMA user_version = 1;
PRAGMA foreign_keys = OFF;
INSERT INTO account VALUES (1, 'health', '2026-03-01', 30, 2);
INSERT INTO award VALUES (1, zeroblob(32), 5,
    '[{"aim":"H","minutes":30,"place":{"latitude":43.725,"longitude":12.6366},"at":"2026-02-25T06:13:20Z"}]',
    'offered', NULL, x'010203', 0, 0, 1772000000000, 0);
INSERT INTO inbox VALUES (x'01010101010101010101010101010101', 1);
INSERT INTO inbox VALUES (x'02020202020202020202020202020202', 0);
