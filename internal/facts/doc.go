// Package facts holds the kernel facts that the product leans on, each proved in a private namespace.
//
// It is tests only. docs/FACTS.md tells each fact, what was measured and which test proves it; where a test here fails,
// the kernel does something else than the product says of it. No test is decided by how fast the machine is, except
// where it says so.
package facts
