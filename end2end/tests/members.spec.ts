// Workspaces and who belongs to them: made, switched, joined by invitation, changed, left and handed over.
import { address, confirmed, enter, expect, mailed, member, owner, press, send, test, unique } from "../support";

const chosen = "zebra kiosk mandolin";
const inTenDays = () => new Date(Date.now() + 10 * 86_400_000).toISOString().slice(0, 10);

for (const scripts of [true, false]) {
  test.describe(scripts ? "with scripts" : "without scripts", () => {
    test.use({ javaScriptEnabled: scripts });
    // Two people, and a password hashed at every step.

    test("a second workspace is made, and the switcher leads from one to the other", async ({ page, cli, enter }) => {
      const { email } = await owner(cli);
      await enter(page, email);
      await page.goto("/dashboard");
      const rail = page.getByRole("complementary", { name: "Workspace" });
      const switcher = rail.locator("summary");
      const first = (await switcher.locator(".truncate").innerText()).trim();
      const second = unique("Second");
      await switcher.click();
      await rail.getByRole("link", { name: "Create workspace" }).click();
      await page.getByLabel("Name").fill(second);
      await press(page, "Create workspace");
      await expect(page).toHaveURL(/\/dashboard$/);
      await expect(switcher).toContainText(second);
      await page.goto("/members");
      await expect(page.getByRole("table", { name: "Members" }).getByRole("row")).toHaveCount(2);

      await switcher.click();
      await expect(rail.getByRole("button", { name: second })).toHaveAttribute("aria-current", "true");
      await press(page, first);
      await expect(switcher).toContainText(first);
      await page.goto("/settings/workspace");
      await expect(page.getByLabel("Name", { exact: true })).toHaveValue(first);
    });

    test("an invitation is joined once, by whom it was sent to", async ({ page, cli, enter: signIn, browser, portal }) => {
      const { email: host } = await owner(cli);
      const stranger = (await owner(cli)).email;
      const guest = address();
      await signIn(page, host);
      await page.goto("/members");
      await page.getByRole("link", { name: "Invite member" }).click();
      await page.getByLabel("E-mail address").fill(guest);
      // Without a role, nobody is invited and nothing that was typed is lost.
      expect((await confirmed(page, "Send invitation")).status()).toBe(422);
      await expect(page.getByLabel("E-mail address")).toHaveValue(guest);
      await page.getByRole("checkbox", { name: "Developer" }).check();
      await page.getByRole("checkbox", { name: "Checker" }).check();
      await page.locator("[name=checker_until]").fill(inTenDays());
      expect((await confirmed(page, "Send invitation")).status()).toBe(200);
      const shown = page.locator("#invitation-link");
      const link = (await shown.evaluate((one) => (one instanceof HTMLInputElement ? one.value : one.textContent)))!.trim();
      expect((await mailed(portal, guest)).links).toContain(link);
      await page.goto("/members");
      const pending = page.getByRole("table", { name: "Pending invitations" });
      await expect(pending).toContainText(guest);
      await expect(pending).toContainText("Checker until");
      await expect(page.getByText(link)).toHaveCount(0);

      const theirs = await (await browser.newContext({ baseURL: portal, javaScriptEnabled: scripts })).newPage();
      // Somebody else's account cannot use it.
      await enter(theirs, stranger, portal);
      await theirs.goto(link);
      await expect(theirs.getByText("This invitation was sent to another address.")).toBeVisible();
      await expect(theirs.getByRole("button", { name: "Join workspace" })).toHaveCount(0);
      const token = new URL(link).searchParams.get("token")!;
      expect((await send(theirs, "/join", [["token", token]])).status()).toBe(403);
      await theirs.context().clearCookies();

      // Whom it was sent to makes an account first, and comes back to it.
      await theirs.goto(link);
      await theirs.getByRole("link", { name: "Create account" }).click();
      await expect(theirs.getByLabel("Email")).toHaveValue(guest);
      await theirs.getByLabel("Name").fill("Nia Okafor");
      await theirs.getByLabel("Password").fill(chosen);
      await press(theirs, "Create account");
      const letter = await mailed(portal, guest, /^Confirm your address/);
      await theirs.goto(letter.links[0]!);
      await theirs.getByLabel("Password").fill(chosen);
      await press(theirs, "Confirm address");
      await expect(theirs).toHaveURL(/\/join\?token=/);
      await press(theirs, "Join workspace");
      await expect(theirs).toHaveURL(/\/dashboard$/);
      await theirs.goto("/members");
      const members = theirs.getByRole("table", { name: "Members" });
      await expect(members).toContainText(host);
      await expect(members.getByRole("row").filter({ hasText: guest })).toContainText("Checker until");
      expect((await theirs.goto("/keys/new"))?.status()).toBe(200);

      await theirs.goto(link);
      await expect(theirs.getByText("This invitation can't be used")).toBeVisible();
      await page.reload();
      await expect(pending).toHaveCount(0);
      await theirs.context().close();
    });

    test("a change of roles and a removal hold from the next request on", async ({ page, cli, enter, browser, portal }) => {
      const { email } = await owner(cli);
      await enter(page, email);
      const other = await member(page, { cli, browser, portal }, ["developer"], { javaScriptEnabled: scripts });
      expect((await other.page.goto("/keys/new"))?.status()).toBe(200);
      expect((await other.page.goto("/audit"))?.status()).toBe(403);

      await page.goto("/members");
      await page.getByLabel("Actions for Mio Tanaka").click();
      await page.getByRole("link", { name: "Change roles…" }).click();
      await expect(page.getByRole("heading", { name: "Change the roles of Mio Tanaka" })).toBeVisible();
      await page.getByRole("checkbox", { name: "Developer" }).uncheck();
      await page.getByRole("checkbox", { name: "Auditor" }).check();
      await confirmed(page, "Change roles");
      await expect(page.getByText("The roles were changed.")).toBeVisible();
      expect((await other.page.goto("/keys/new"))?.status()).toBe(403);
      expect((await other.page.goto("/audit"))?.status()).toBe(200);
      await mailed(portal, other.email, /^Your roles in .* changed$/);

      await page.goto("/members");
      await page.getByLabel("Actions for Mio Tanaka").click();
      await page.getByRole("link", { name: "Remove…" }).click();
      await expect(page.getByRole("heading", { name: "Remove Mio Tanaka?" })).toBeVisible();
      await confirmed(page, "Remove member");
      await expect(page.getByText("The member was removed.")).toBeVisible();
      await expect(page.getByRole("table", { name: "Members" })).not.toContainText(other.email);
      expect((await other.page.goto("/audit"))?.status()).toBe(403);
      expect((await other.page.goto("/members"))?.status()).toBe(403);
      await other.page.goto("/dashboard");
      await expect(other.page).toHaveURL(/\/workspaces\/new$/);
      await mailed(portal, other.email, /^You were removed from/);
      await other.page.context().close();
    });

    test("the last owner stays until another has accepted the workspace", async ({ page, cli, enter, browser, portal }) => {
      const { email } = await owner(cli);
      await enter(page, email);
      const other = await member(page, { cli, browser, portal }, ["developer"], { javaScriptEnabled: scripts });
      await page.goto("/settings/workspace");
      await page.getByRole("link", { name: "Leave workspace…" }).click();
      await expect(page.getByRole("heading", { name: /^You can't leave .* yet$/ })).toBeVisible();
      await expect(page.getByText("The workspace needs an owner, and there is no other. Make somebody else an owner first.")).toBeVisible();
      await page.getByRole("link", { name: "Hand the workspace over" }).click();

      await page.getByLabel("New owner").selectOption({ label: `Mio Tanaka (${other.email})` });
      await page.getByLabel("Password", { exact: true }).fill("not-the-password");
      expect((await press(page, "Offer ownership")).status()).toBe(422);
      await expect(page.getByLabel("New owner")).toHaveValue(other.id);
      await confirmed(page, "Offer ownership");
      await expect(page.getByText("The offer was sent.")).toBeVisible();

      const letter = await mailed(portal, other.email, /offers you the workspace/);
      await other.page.goto(letter.links.find((one) => one.includes("/ownership/"))!);
      await other.page.getByLabel("Password", { exact: true }).fill("not-the-password");
      expect((await press(other.page, "Accept ownership")).status()).toBe(422);
      await confirmed(other.page, "Accept ownership");
      await expect(other.page.getByText("The workspace is yours now.")).toBeVisible();
      await expect(other.page.getByRole("row").filter({ hasText: other.email })).toContainText("Owner");

      await page.goto("/members");
      const mine = page.getByRole("row").filter({ hasText: email });
      await expect(mine).toContainText("Admin");
      await expect(mine).not.toContainText("Owner");
      expect((await page.goto("/settings/workspace/transfer"))?.status()).toBe(403);
      await page.goto("/settings/workspace/leave");
      await confirmed(page, "Leave workspace");
      await expect(page).toHaveURL(/\/workspaces\/new$/);
      await other.page.context().close();
    });

    test("whoever signs in at the page of an invitation comes back to it", async ({ page, cli, enter, browser, portal }) => {
      const { email } = await owner(cli);
      const guest = (await owner(cli)).email;
      await enter(page, email);
      const fields = [["email", guest], ["roles", "auditor"], ["factor", "password"], ["proof", "correct-horse-battery"]];
      expect((await send(page, "/members/invite", fields)).status()).toBe(200);
      const { links } = await mailed(portal, guest);
      const theirs = await (await browser.newContext({ baseURL: portal, javaScriptEnabled: scripts })).newPage();
      await theirs.goto(links[0]!);
      await theirs.getByRole("link", { name: "Sign in" }).click();
      await theirs.getByLabel("Email").fill(guest);
      await theirs.getByLabel("Password").fill("correct-horse-battery");
      await press(theirs, "Sign in");
      await press(theirs, "Join workspace");
      await expect(theirs).toHaveURL(/\/dashboard$/);
      expect((await theirs.goto("/audit"))?.status()).toBe(200);
      await theirs.context().close();
      // A link that was cut short says the same as one that was used.
      await page.goto(links[0]!.slice(0, -3));
      await expect(page.getByText("This invitation can't be used")).toBeVisible();
    });
  });
}
