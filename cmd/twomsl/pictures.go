package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"twomsl/internal/linux"
	"twomsl/report"
)

// isPictures tells a format that is several files, which go into a directory.
func isPictures(format string) bool { return slices.Contains(report.PictureKinds(), format) }

// comparisonFormats are what -o can be for a comparison.
func comparisonFormats() []string { return withPictures(report.ComparisonFormats()) }

// withPictures adds to formats that are a file those that are a directory of charts.
func withPictures(formats []string) []string {
	return slices.Sorted(slices.Values(append(formats, report.PictureKinds()...)))
}

// apart tells two outputs that may name one directory: their files end differently.
func apart(a, b output) bool {
	return isPictures(a.format) && isPictures(b.format) && a.format != b.format
}

// checkPictures finds out before any load whether files can be written into the directory, and whether others are there.
func (o *outputs) checkPictures(one output) error {
	if one.file == "" {
		return fmt.Errorf("-o %s: that is a file for each chart; name a directory for them, as in -o %s=charts", one.format, one.format)
	}
	if info, err := os.Stat(one.file); err == nil && !info.IsDir() {
		return fmt.Errorf("-o %s=%s: that is a file; name a directory, there is a file for each chart", one.format, one.file)
	}
	there, _ := os.ReadDir(one.file) // where it is not there, nothing is
	for _, f := range there {
		if filepath.Ext(f.Name()) == "."+one.format && !o.force {
			return fmt.Errorf("-o %s=%s: the directory has such files (%s); choose another one, or --force", one.format, one.file, f.Name())
		}
	}
	if err := linux.TryWrite(nearest(one.file)); err != nil {
		return fmt.Errorf("-o %s=%s: %w", one.format, one.file, err)
	}
	return nil
}

// nearest is the directory itself, or of those above it the first that is there.
func nearest(dir string) string {
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return dir
		}
		dir = up
	}
}

// putPictures writes each chart whole or not at all. Another file of that name is left alone without --force.
func (o *outputs) putPictures(tell teller, one output) error {
	if tell.pictures == nil {
		return fmt.Errorf("-o %s: this record has no charts", one.format)
	}
	list, err := tell.pictures(one.format)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(one.file, 0o755); err != nil {
		return fmt.Errorf("-o %s=%s: %w", one.format, one.file, err)
	}
	for _, p := range list {
		file := filepath.Join(one.file, p.Name)
		if _, err := os.Lstat(file); err == nil && !o.force {
			return fmt.Errorf("-o %s=%s: %s exists by now; choose another directory, or --force", one.format, one.file, p.Name)
		}
		if err := put(file, p.Data); err != nil {
			return fmt.Errorf("-o %s=%s: %w", one.format, one.file, err)
		}
	}
	return nil
}
