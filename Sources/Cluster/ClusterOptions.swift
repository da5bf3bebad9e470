// Owns what a scratch cluster is made like: version, encoding, locale, and settings for throw-away data.

import FoundationEssentials

/// What a ``ScratchCluster`` is to be like.
package struct ClusterOptions: Sendable {
  /// Who compares strings in the cluster's databases (`--locale-provider`, from PostgreSQL 15).
  package enum LocaleProvider: Sendable, Equatable {
    case libc
    /// An ICU locale such as `de-DE`, with optional tailoring rules (from 16).
    case icu(locale: String, rules: String? = nil)
    /// PostgreSQL's own, `C` or `C.UTF-8` (from 17).
    case builtin(locale: String)
  }

  /// The lowest acceptable major version.
  package var major: Int
  /// Whether no newer version will do.
  package var exactMajor: Bool
  package var encoding = "UTF8"
  /// `LC_COLLATE` and `LC_CTYPE`; the operating system must have them.
  package var collate = "C"
  package var characterType = "C"
  package var localeProvider = LocaleProvider.libc
  /// A power of two, 1…1024 MB; nil is initdb's 16.
  package var walSegmentMegabytes: Int? = nil
  package var dataChecksums = false
  package var maxConnections = 32
  package var sharedPreloadLibraries: [String] = []
  /// Laid over the settings below.
  package var settings: [String: String] = [:]
  /// Where the data goes; nil means `TMPDIR`, or `/tmp` without one.
  ///
  /// The socket lies there too, unless its path would be too long.
  package var parentFolder: String? = nil

  package init(major: Int, exactMajor: Bool = false) {
    self.major = major
    self.exactMajor = exactMajor
  }

  /// The arguments of initdb, with `user` as the superuser's name.
  func initdbArguments(data: String, user: String, major: Int) -> [String] {
    var arguments = [
      "--pgdata=\(data)", "--username=\(user)", "--auth=trust", "--no-sync",
      "--encoding=\(encoding)", "--lc-collate=\(collate)", "--lc-ctype=\(characterType)",
      // Messages must be readable by us, numbers and times independent of the operator's locale.
      "--lc-messages=C", "--lc-monetary=C", "--lc-numeric=C", "--lc-time=C",
    ]
    switch localeProvider {
    case .libc:
      if major >= 15 { arguments.append("--locale-provider=libc") }
    case .icu(let locale, let rules):
      arguments += ["--locale-provider=icu", "--icu-locale=\(locale)"]
      if let rules { arguments.append("--icu-rules=\(rules)") }
    case .builtin(let locale):
      arguments += ["--locale-provider=builtin", "--builtin-locale=\(locale)"]
    }
    if let walSegmentMegabytes { arguments.append("--wal-segsize=\(walSegmentMegabytes)") }
    // The default changed in 18.
    if dataChecksums {
      arguments.append("--data-checksums")
    } else if major >= 18 {
      arguments.append("--no-data-checksums")
    }
    return arguments
  }

  /// The server's settings: nothing is to survive a crash, nothing is to be heard from outside.
  func serverSettings(socketFolder: String, port: Int, machine: Machine) -> [(String, String)] {
    var all: [String: String] = [
      "listen_addresses": "", "unix_socket_directories": socketFolder, "port": "\(port)",
      "unix_socket_permissions": "0700",
      // Durability costs most of a restore's time, and the folder is deleted afterwards.
      "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
      // With wal_level=minimal a COPY into a table truncated in the same transaction writes no WAL.
      "wal_level": "minimal", "max_wal_senders": "0", "archive_mode": "off",
      // A restore is else bound by checkpoints even with fsync off.
      "checkpoint_timeout": "1d", "max_wal_size": "\(machine.walMegabytes)MB",
      "autovacuum": "off",
      // A crash must be seen, not recovered from.
      "restart_after_crash": "off",
      "max_connections": "\(maxConnections)",
      "shared_buffers": "\(machine.sharedBuffersMegabytes)MB",
      "maintenance_work_mem": "\(machine.maintenanceMegabytes)MB",
      "max_parallel_maintenance_workers": "\(machine.cores)",
      "max_parallel_workers": "\(machine.cores)",
      "max_worker_processes": "\(max(machine.cores, 8))",
      // /dev/shm is 64 MB in many containers: too little for parallel index builds.
      "dynamic_shared_memory_type": "mmap", "huge_pages": "off",
      "log_destination": "stderr", "logging_collector": "off",
      "log_line_prefix": "%m [%p] %q%d ", "log_timezone": "UTC", "timezone": "UTC",
      "shared_preload_libraries": sharedPreloadLibraries.joined(separator: ","),
    ]
    for (name, value) in settings { all[name] = value }
    return all.sorted { $0.key < $1.key }
  }
}

/// What this machine can spare for a scratch cluster.
struct Machine: Sendable {
  var cores: Int
  var memoryMegabytes: Int
  var freeDiskMegabytes: Int

  /// Looks at `/proc/meminfo`, the control group's limit, and the file system of `folder`.
  init(folder: String) {
    cores = max(1, ProcessInfo.processInfo.activeProcessorCount)
    var available = 1_024
    if let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }),
      let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    {
      available = kilobytes / 1_024
    }
    if let text = try? String(contentsOfFile: "/sys/fs/cgroup/memory.max", encoding: .utf8),
      let bytes = text.split(separator: "\n").first.flatMap({ Int($0) })
    {
      available = min(available, bytes / 1_048_576)
    }
    memoryMegabytes = available
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder)
    let free =
      attributes?[.systemFreeSize] as? Int64
      ?? (attributes?[.systemFreeSize] as? UInt64).map {
        Int64(clamping: $0)
      }
    freeDiskMegabytes = Int(clamping: (free ?? 8 << 30) / 1_048_576)
  }

  /// An eighth of the memory: the kernel's page cache does the rest.
  var sharedBuffersMegabytes: Int { min(max(memoryMegabytes / 8, 64), 2_048) }
  /// Two index builds at once take at most a quarter of the memory.
  var maintenanceMegabytes: Int { min(max(memoryMegabytes / 8, 64), 1_024) }
  /// A quarter of the free disk, so that WAL cannot crowd out the data.
  var walMegabytes: Int { min(max(freeDiskMegabytes / 4, 1_024), 65_536) }
}
