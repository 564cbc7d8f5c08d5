package report

import (
	"bytes"
	"io"
	"maps"
	"slices"

	"twomsl/internal/record"
)

var claimsFormats = map[string]renderer[*record.Claims]{}

func init() {
	claimsFormats["terminal"] = writeClaimsTerminal
	claimsFormats["json"] = writeClaimsJSON
	claimsFormats["markdown"] = writeClaimsMarkdown
	claimsFormats["html"] = writeClaimsHTML
}

// ClaimsFormats lists the names that WriteClaims takes, sorted.
func ClaimsFormats() []string { return slices.Sorted(maps.Keys(claimsFormats)) }

// WriteClaims tells c as Write tells a trial.
func WriteClaims(format string, w io.Writer, c *record.Claims, opt Options) error {
	return write(claimsFormats, " for claims", format, w, c, c.ID, opt)
}

func writeClaimsJSON(b *bytes.Buffer, c *record.Claims, _ Options) error {
	data, err := record.EncodeClaims(c)
	if err != nil {
		return err
	}
	b.Write(data)
	return nil
}
