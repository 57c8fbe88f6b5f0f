// Package layout tests the source tree: allowed imports between packages, the length of files and
// functions, and forbidden constructs such as global state.
package layout
