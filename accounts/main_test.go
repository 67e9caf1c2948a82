package accounts_test

import (
	"os"
	"testing"

	"github.com/paysaga/paysaga/testdb"
)

var server *testdb.Server

func TestMain(m *testing.M) {
	os.Exit(testdb.Run(m, func(s *testdb.Server) { server = s }))
}
