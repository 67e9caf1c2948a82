package api_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/paysaga/paysaga/testdb"
)

var server *testdb.Server

// After a whole run every answer that openapi.yaml promises must have been given.
func TestMain(m *testing.M) {
	time.Local = time.FixedZone("somewhere", 5*60*60) // the machine's zone must not show in any answer
	code := testdb.Run(m, func(s *testdb.Server) { server = s })
	whole := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == ""
	if code == 0 && whole {
		if unseen := loadOnce().unseen(); len(unseen) > 0 {
			fmt.Fprintln(os.Stderr, "FAIL: openapi.yaml promises answers that no test got:", unseen)
			code = 1
		}
	}
	os.Exit(code)
}
