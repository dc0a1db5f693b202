"""Real disks that are small or read-only: of memory, where this process may mount one."""

import resource
import subprocess


class Disk:
    """A disk in a folder of its own.

    Without the right to mount, the limit on the size of a file stands in for a small disk (the
    error comes from the system all the same), and a disk cannot become read-only.
    """

    def __init__(self, folder):
        self.path, self.mounted = folder / "disk", False
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.path)], check=True)

    def __call__(self, megabytes):
        """Its folder, with so much room."""
        self.path.mkdir()
        self.mounted = self._mount(f"size={megabytes}m", "-t", "tmpfs", "tmpfs")
        if not self.mounted:
            limit = (megabytes * 2**20, self._before[1])
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        return self.path

    def grow(self, megabytes):
        """Make room."""
        if self.mounted:
            assert self._mount(f"remount,size={megabytes}m")
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, self._before)

    def freeze(self, frozen):
        """Make it read-only, or writable again; false where that cannot be had."""
        return self.mounted and self._mount("remount,ro" if frozen else "remount,rw")

    def _mount(self, options, *kind):
        command = ["mount", "-o", options, *kind, str(self.path)]
        return subprocess.run(command, capture_output=True).returncode == 0
