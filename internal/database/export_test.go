package database

// MigrateFiles is Migrate with other migrations than the embedded ones.
var MigrateFiles = applyMigrations
