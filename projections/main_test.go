package projections

import (
	command "flag"
	"os"
	"strconv"
	"testing"
)

// TestMain takes fewer examples of each property where each takes longer. What
// is given on the command line counts.
func TestMain(m *testing.M) {
	command.Parse()
	given := false
	command.Visit(func(f *command.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := command.Set("rapid.checks", strconv.Itoa(100/slower)); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
