package record

import (
	"fmt"
	"os"
	"slices"
)

// WriteClaims keeps c as DIR/ID.json and returns that path, in all as Write does.
func WriteClaims(dir string, c *Claims) (path string, err error) {
	return write(dir, c.ID, EncodeClaims, c)
}

// EncodeClaims gives the JSON that WriteClaims keeps. It leaves c as it is.
func EncodeClaims(c *Claims) ([]byte, error) {
	n := normalClaims(c)
	if n.Schema == "" {
		n.Schema = ClaimsSchema
	}
	return encode(n)
}

// ReadClaims gives the claims in the file at path.
func ReadClaims(path string) (*Claims, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read record: %w", err)
	}
	return DecodeClaims(path, data)
}

// DecodeClaims gives the claims that data holds, with the promises of Decode.
func DecodeClaims(name string, data []byte) (*Claims, error) {
	return decode(name, data, ClaimsSchema, normalClaims)
}

// normalClaims gives a copy of c in which the lists that are always known are never nil.
func normalClaims(c *Claims) *Claims {
	n := *c
	n.Claims, n.Tests = list(slices.Clone(n.Claims)), list(slices.Clone(n.Tests))
	for i := range n.Claims {
		one := &n.Claims[i]
		one.Evidence, one.Tests = list(one.Evidence), list(one.Tests)
	}
	for i := range n.Tests {
		one := &n.Tests[i]
		one.Set, one.Sysctl, one.Arguments = list(one.Set), list(one.Sysctl), list(one.Arguments)
		one.Figures, one.Texts = list(one.Figures), list(one.Texts)
	}
	if n.Recipe != "" || n.Lines != nil {
		n.Lines = list(slices.Clone(n.Lines))
		for i := range n.Lines {
			n.Lines[i].Tests = list(n.Lines[i].Tests)
		}
	}
	if n.Environment.Unmeasured == nil {
		n.Environment.Unmeasured = map[string]string{}
	}
	return &n
}

// lineVerdicts is what a line of a recipe comes to here.
var lineVerdicts = []string{Helps, NoEffect, Harmful, AlreadySet, Missing, NotCovered, ClaimUntestable}

// Check tells everything by which c contradicts itself, as Trial.Check does.
func (c *Claims) Check() error {
	var k checker
	if c.Schema != "" && c.Schema != ClaimsSchema {
		k.add("schema", "is %q, not %s", c.Schema, ClaimsSchema)
	}
	if err := checkID(c.ID); err != nil {
		k.add("id", "%v", err)
	}
	k.statusName(c.Status)
	k.seconds("seconds", c.Seconds)
	k.count("jobs", int64(c.Jobs))
	k.count("asked", int64(c.Asked))
	tests := k.tests(c.Tests)
	ids := map[string]bool{}
	for i := range c.Claims {
		one, path := &c.Claims[i], fmt.Sprintf("claims[%d]", i)
		if one.ID == "" || ids[one.ID] {
			k.add(path+".id", "%q is empty or there twice", one.ID)
		}
		ids[one.ID] = true
		k.oneOf(path+".verdict", one.Verdict, ClaimVerdicts)
		k.measured(path, one.Verdict, one.Figure)
		k.names(path+".tests", one.Tests, tests)
	}
	for i := range c.Lines {
		one, path := &c.Lines[i], fmt.Sprintf("lines[%d]", i)
		k.oneOf(path+".side", one.Side, []string{"client", "server", "both"})
		k.oneOf(path+".verdict", one.Verdict, lineVerdicts)
		k.finite(path+".figure", one.Figure)
		k.names(path+".tests", one.Tests, tests)
	}
	return k.err()
}

// measured: a verdict other than untestable has a figure beside it.
func (c *checker) measured(path, verdict string, figure *float64) {
	c.finite(path+".figure", figure)
	if (figure == nil) != (verdict == ClaimUntestable) {
		c.add(path+".figure", "goes with every verdict but untestable")
	}
}

func (c *checker) tests(list []Tried) (names []string) {
	for i := range list {
		one, path := &list[i], fmt.Sprintf("tests[%d]", i)
		if one.Name == "" || slices.Contains(names, one.Name) {
			c.add(path+".name", "%q is empty or there twice", one.Name)
		}
		names = append(names, one.Name)
		if (one.Scenario == "") == (one.Assay == "") {
			c.add(path, "is either of a scenario or an assay")
		}
		c.seconds(path+".seconds", one.Seconds)
		for j := range one.Figures {
			c.finite(fmt.Sprintf("%s.figures[%d].value", path, j), &one.Figures[j].Value)
		}
	}
	return names
}

func (c *checker) names(path string, list, known []string) {
	for i, name := range list {
		c.oneOf(fmt.Sprintf("%s[%d]", path, i), name, known)
	}
}
