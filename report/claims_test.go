package report

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

func renderClaims(t *testing.T, format string, c *record.Claims, opt Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteClaims(format, &b, c, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func claimsOptions(c *record.Claims, width int) Options {
	return Options{Width: width, RecordPath: "twomsl-results/" + c.ID + ".json"}
}

func TestClaimsGoldens(t *testing.T) {
	for _, made := range claimSets() {
		name := stemOf(made.ID)
		golden(t, name+".json", renderClaims(t, "json", made, Options{}))
		c, err := record.ReadClaims(filepath.Join("testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range widths {
			golden(t, fmt.Sprintf("%s.%d.txt", name, w), renderClaims(t, "terminal", c, claimsOptions(c, w)))
		}
		golden(t, name+".md", renderClaims(t, "markdown", c, claimsOptions(c, 0)))
		golden(t, filepath.Join("pages", name+".html"), renderClaims(t, "html", c, claimsOptions(c, 0)))
	}
	golden(t, "claims.color.txt", renderClaims(t, "terminal", someClaims(), Options{Color: true}))
}

func TestClaimsFit(t *testing.T) {
	for _, c := range claimSets() {
		for _, w := range []int{60, 61, 72, 80, 99, 100, 120, 200} {
			opt := claimsOptions(c, w)
			text := renderClaims(t, "terminal", c, opt)
			fits(t, c.ID, text, w)
			opt.Color = true
			if diff := cmp.Diff(text, escape.ReplaceAllString(renderClaims(t, "terminal", c, opt), "")); diff != "" {
				t.Errorf("%s at %d: colour changes more than colour:\n%s", c.ID, w, diff)
			}
		}
	}
}

// A page of claims holds all that it shows, and nothing in a record becomes markup, on the page or in Markdown.
func TestClaimsAreOnlyText(t *testing.T) {
	for _, c := range claimSets() {
		standsAlone(t, c.ID, renderClaims(t, "html", c, claimsOptions(c, 0)))
		for _, format := range []string{"terminal", "markdown"} {
			text, _, _ := strings.Cut(renderClaims(t, format, c, claimsOptions(c, 0)), "```sh") // in which nothing is markup
			if strings.ContainsAny(text, "\x1b\u202e") || format == "markdown" && strings.Contains(text, "<script") || strings.Contains(text, "\n# ") {
				t.Errorf("%s as %s lets the record speak for itself:\n%s", c.ID, format, text)
			}
		}
	}
}

// The answer comes first, then each claim with its verdict and what was measured, the condition beside it.
func TestClaimsAnswerFirst(t *testing.T) {
	text := flat(renderClaims(t, "terminal", someClaims(), claimsOptions(someClaims(), 120)))
	at := 0
	for _, want := range []string{
		"Of 6 claims on this kernel: 2 true, 1 false, 1 in part, 1 gone, 1 not tested.", "3 tests, each in a lab of its own, 6 side by side, took 64.8 s.",
		"tcp_fin_timeout shortens TIME_WAIT false 61 s with 5, mean of 240", "- With tcp_fin_timeout = 5 TIME_WAIT lived 60.02 to 62.09 s.",
		"V. Bernat's account agrees: the setting", "in part: for new", "gone, since Linux 4.12", "not tested:", "explicit-bind-exhausted",
		"Shortened in the lab, so that nobody waits: 5: tcp_fin_timeout = 5", "repeat twomsl claims",
	} {
		i := strings.Index(text[at:], want)
		if i < 0 {
			t.Fatalf("%q is not there, or not after what comes before it:\n%s", want, text)
		}
		at += i
	}
	lines := flat(renderClaims(t, "terminal", recipeClaims(), claimsOptions(recipeClaims(), 100)))
	for _, want := range []string{
		"Of 5 lines what helps is tcp_tw_reuse on the client, tcp_max_tw_buckets on the client. Harmful: tcp_max_tw_buckets on the server. Not on this kernel: tcp_tw_recycle.",
		"net.ipv4.tcp_max_tw_buckets = 5000 helps, at a price harmful", "net.ipv4.tcp_sack = 0 no claim no claim", "Price: 1,000 connections closed without TIME_WAIT.",
	} {
		if !strings.Contains(lines, want) {
			t.Errorf("%q is not there:\n%s", want, lines)
		}
	}
	many := flat(renderClaims(t, "terminal", manyClaims(), claimsOptions(manyClaims(), 100)))
	if !strings.Contains(many, "Interrupted: 12 of 34 claims were judged.") || strings.Contains(many, "- With tcp_fin_timeout") {
		t.Errorf("many claims, interrupted:\n%s", many)
	}
}

func TestClaimsFormats(t *testing.T) {
	if diff := cmp.Diff([]string{"html", "json", "markdown", "terminal"}, ClaimsFormats()); diff != "" {
		t.Error(diff)
	}
	if err := WriteClaims("csv", &bytes.Buffer{}, someClaims(), Options{}); err == nil || !strings.Contains(err.Error(), `unknown format "csv" for claims`) {
		t.Error(err)
	}
}
