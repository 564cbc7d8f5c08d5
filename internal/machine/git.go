package machine

import (
	"context"
	"os/exec"
	"strings"
	"time"
)

// gitLimit bounds a question to git.
const gitLimit = 5 * time.Second

// GitHead is the commit that is checked out where this program runs; "" where there is no git, or no repository.
func GitHead() string {
	ctx, cancel := context.WithTimeout(context.Background(), gitLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "HEAD").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
