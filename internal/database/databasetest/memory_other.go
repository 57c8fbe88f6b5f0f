//go:build !linux

package databasetest

// memoryFolder returns "", the usual temporary folder.
func memoryFolder() string { return "" }
