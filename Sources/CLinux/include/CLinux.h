// What Swift cannot import from the C library: system calls without a wrapper, variadic functions,
// and constants made by macros.
//
// Every function returns a count, a descriptor or 0, or the negative errno; a call that a signal
// interrupted is made again. The header includes nothing that the importer has to understand.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>

/// The errno in words (the portable strerror_r, which Swift sees the other variant of).
int clinux_reason(int code, char *text, size_t count);

// ---- opening ----

/// How a file is opened; combined with `|`. O_CLOEXEC is always added.
enum {
  clinux_read = 1 << 0,
  clinux_write = 1 << 1,
  /// Fail if the name exists already; otherwise create it.
  clinux_create_new = 1 << 2,
  clinux_directory = 1 << 3,
  /// Fail with ELOOP if the last component is a symbolic link.
  clinux_no_follow = 1 << 4,
  clinux_no_atime = 1 << 5,
  /// O_NONBLOCK: opening a FIFO that nobody writes to returns at once.
  clinux_no_block = 1 << 6,
  clinux_direct = 1 << 7,
  /// O_PATH: names the object, opens nothing.
  clinux_path_only = 1 << 8,
  /// O_TMPFILE: a nameless file in the directory given.
  clinux_nameless = 1 << 9,
  clinux_truncate = 1 << 10,
  /// Create the name if it does not exist.
  clinux_create = 1 << 11,
  clinux_append = 1 << 12,
};

/// The directory descriptor that stands for the working directory.
extern const int clinux_at_fdcwd;

int clinux_open(int directory, const char *path, int how, uint32_t mode);

/// openat2(2) with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS.
int clinux_open_beneath(int directory, const char *path, int how, uint32_t mode);

/// Turns O_DIRECT on (1) or off (0).
int clinux_set_direct(int descriptor, int on);

// ---- reading and writing ----

/// preadv2(2) with RWF_DONTCACHE: leaves in the page cache only what was there before.
/// EOPNOTSUPP or EINVAL before Linux 6.14, and on filesystems that do not take part.
int64_t clinux_read_uncached(int descriptor, void *to, size_t count, int64_t offset);

/// fallocate(2) that keeps the file's length.
int clinux_reserve(int descriptor, int64_t offset, int64_t count);

/// The next offset from `offset` that holds data (`hole` 0) or a hole (1); ENXIO past the end.
int64_t clinux_seek(int descriptor, int64_t offset, int hole);

/// sync_file_range(2): starts writing a range back and waits for it; no metadata, no barrier.
int clinux_write_back(int descriptor, int64_t offset, int64_t count);

/// syncfs(2): waits until everything written to the descriptor's filesystem is on the device.
int clinux_sync_filesystem(int descriptor);

// ---- names and attributes ----

/// One object's status: statx(2), flattened.
struct clinux_status {
  uint32_t mode, user, group, link_count;
  uint64_t inode, byte_count, block_count;
  uint32_t device_major, device_minor;
  uint32_t special_major, special_minor;
  int64_t modified_seconds, changed_seconds, accessed_seconds, born_seconds;
  uint32_t modified_nanoseconds, changed_nanoseconds, accessed_nanoseconds, born_nanoseconds;
  uint32_t preferred_byte_count;
  uint8_t has_birth, has_mount, is_mount_root;
  uint64_t mount;
  uint64_t attributes, attributes_known;
};

/// Status of `path`, or of the descriptor itself if `path` is empty; symbolic links are followed
/// only if `follow` is not 0.
int clinux_status(int directory, const char *path, int follow, struct clinux_status *status);

/// getdents64(2).
int64_t clinux_entries(int directory, void *buffer, size_t count);

/// renameat2(2); `keep` not 0 means RENAME_NOREPLACE.
int clinux_rename(int from, const char *old_name, int to, const char *new_name, int keep);

/// FS_IOC_GETFLAGS and FS_IOC_SETFLAGS: the flags chattr(1) shows.
int clinux_get_flags(int descriptor, uint32_t *flags);
int clinux_set_flags(int descriptor, uint32_t flags);

/// setrlimit(2) of core files to nothing, which children inherit, and prctl(2) PR_SET_DUMPABLE off: no
/// dump, and no other process of the same user attaches or reads `/proc/<pid>/mem`.
int clinux_forbid_dumps(void);

// ---- extended attributes: of `path` itself, never through a symbolic link, or, if `path` is NULL,
// of the open file ----

int64_t clinux_list_attributes(int descriptor, const char *path, char *to, size_t count);
int64_t clinux_get_attribute(int descriptor, const char *path, const char *name, void *to,
                             size_t count);
int clinux_set_attribute(int descriptor, const char *path, const char *name, const void *value,
                         size_t count);
int clinux_remove_attribute(int descriptor, const char *path, const char *name);

#endif
