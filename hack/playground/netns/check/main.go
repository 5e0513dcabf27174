// Command check says whether this machine lets a process have a network
// namespace of its own, and if not, what allows it.
package main

import (
	"fmt"
	"os"

	"github.com/sluice-rollouts/sluice/hack/playground/netns"
)

func main() {
	netns.Main()
	if err := netns.Check(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
