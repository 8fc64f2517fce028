/* Preloaded into the tests' sshd: the privilege-separated half wants to chroot, which only root may, and no test needs. */
int chroot(const char *path)
{
    (void)path;
    return 0;
}
