package demo

import (
	"fmt"
	"io"
)

// judge returns which promises were broken, as sentences.
func judge(results []measurement, t totals) []string {
	var problems []string
	if t.failed > 0 {
		problems = append(problems, fmt.Sprintf("%d of %d requests failed", t.failed, t.sent))
	}
	for _, m := range results {
		problems = append(problems, m.problems()...)
	}
	return problems
}

// summarize prints what was measured.
func summarize(out io.Writer, results []measurement, t totals) {
	fmt.Fprintf(out, "\n%-14s%-9s%8s%10s%9s%10s   %s\n", "step", "version", "wanted", "measured", "off by", "requests", "with "+headerBeta)
	for _, m := range results {
		fmt.Fprintf(out, "%-14s%-9s%6.0f %%%8.2f %%%+9.2f%10d   ", m.step, m.version, m.wanted, m.measured(), m.off(), total(m.got.plain))
		if m.beta {
			fmt.Fprintf(out, "%d of %d", m.got.beta[m.version], total(m.got.beta))
		} else {
			fmt.Fprint(out, "-")
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "\n%d requests sent, %d failed; besides, %d got the errors that %s makes itself\n", t.sent, t.failed, t.ownErrors, bad)
	for _, f := range t.failures {
		fmt.Fprintf(out, "  failed at %s: %s\n", f.sent.Format("15:04:05.000"), f.reason)
	}
}

// conclude prints whether the promises were kept, and returns it.
func conclude(out io.Writer, problems []string) bool {
	if len(problems) == 0 {
		fmt.Fprintf(out, "PASSED: no request failed, and each share was within %.0f points of the wanted one\n", tolerance)
		return true
	}
	fmt.Fprintln(out, "FAILED:")
	for _, p := range problems {
		fmt.Fprintf(out, "  %s\n", p)
	}
	return false
}
