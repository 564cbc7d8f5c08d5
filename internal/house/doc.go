// Package house holds the plan of the project's rooms against the code: which room may import which, and who alone may
// touch the process, the kernel and the platform. It has tests only; docs/ARCHITECTURE.md tells the plan in words.
package house
