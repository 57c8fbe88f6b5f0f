// Package layout tests the source tree itself: which package may import which, how long files and
// functions are, and what no package may have, such as global state.
package layout
