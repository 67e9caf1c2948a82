// Command paysaga is a self-hosted payment gateway in which every payment is a durable saga.
package main

import (
	"os"

	"github.com/paysaga/paysaga/cmd"
)

func main() { os.Exit(cmd.Main(os.Args[1:])) }
