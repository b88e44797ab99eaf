// People's own flows, from their first letter to their second factor, with scripts on and off. The codes come from a
// library that shares nothing with ours.
import { address, code, enrol, expect, mailed, owner, password, press, signInWith, test, type Page } from "../support";

const chosen = "zebra kiosk mandolin";

async function signOut(page: Page) {
  await page.context().clearCookies();
}

for (const scripts of [true, false]) {
  test.describe(scripts ? "with scripts" : "without scripts", () => {
    test.use({ javaScriptEnabled: scripts });

    test("an account is asked for, confirmed by mail and used", async ({ page, portal }) => {
      const email = address();
      await page.goto("/login");
      await page.getByRole("link", { name: "Create an account" }).click();
      await page.getByLabel("Name").fill("Nia Okafor");
      await page.getByLabel("Email").fill(email);
      await page.getByLabel("Password").fill("Password1");
      expect((await press(page, "Create account")).status()).toBe(422);
      await expect(page.getByLabel("Name")).toHaveValue("Nia Okafor");
      await expect(page.getByLabel("Password")).toHaveValue("");
      await page.getByLabel("Password").fill(chosen);
      await press(page, "Create account");
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("Check your mail");

      const letter = await mailed(portal, email);
      await page.goto(letter.links[0]!);
      await page.getByLabel("Password").fill(chosen);
      await press(page, "Confirm address");
      await expect(page).not.toHaveURL(/signup|login/);

      await page.goto(letter.links[0]!);
      await expect(page.getByRole("alert")).toContainText("This link can't be used");
      await signOut(page);
      await signInWith(page, email, chosen);
      await expect(page).not.toHaveURL(/\/login/);
    });

    test("a lost password is replaced by mail, once", async ({ page, portal, cli }) => {
      const { email } = await owner(cli);
      await page.goto("/login");
      await page.getByRole("link", { name: "Forgot your password?" }).click();
      await page.getByLabel("Email").fill(email);
      await press(page, "Send link");
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("Check your mail");
      const letter = await mailed(portal, email);
      await page.goto(letter.links[0]!);
      await page.getByLabel("New password").fill(chosen);
      await press(page, "Set password");
      await expect(page.getByRole("status").first()).toContainText("Your new password is set");
      await signInWith(page, email, password);
      await expect(page.getByRole("alert")).toContainText("don't fit together");
      await signInWith(page, email, chosen);
      await expect(page).not.toHaveURL(/\/login/);
      await page.goto(letter.links[0]!);
      await expect(page.getByRole("alert")).toContainText("This link can't be used");
    });

    test("an authenticator is set up and asked for; a recovery code stands in once", async ({ page, cli }) => {
      const { email } = await owner(cli);
      await signInWith(page, email, password);
      const { manual, codes, used } = await enrol(page);
      await signOut(page);

      await signInWith(page, email, password);
      await expect(page).toHaveURL(/\/login\/code/);
      await page.getByLabel("Code").fill(used);
      expect((await press(page, "Continue")).status()).toBe(422);
      await page.getByLabel("Code").fill(await code(manual));
      await press(page, "Continue");
      await expect(page).toHaveURL(/\/dashboard/);
      await signOut(page);

      await signInWith(page, email, password);
      await page.getByLabel("Code").fill(codes[0]!);
      await press(page, "Continue");
      await expect(page).toHaveURL(/\/dashboard/);
      await signOut(page);
      await signInWith(page, email, password);
      await page.getByLabel("Code").fill(codes[0]!);
      expect((await press(page, "Continue")).status()).toBe(422);
    });

    test("a code confirms an action in place of the password", async ({ page, cli }) => {
      const { email } = await owner(cli);
      await signInWith(page, email, password);
      const { manual } = await enrol(page);
      await page.goto("/settings/security/recovery");
      await press(page, "Code");
      await page.getByLabel("Code from your authenticator").fill(await code(manual));
      await press(page, "Make new codes");
      await expect(page.getByRole("list", { name: "Recovery codes" })).toBeVisible();
      await page.reload();
      await expect(page.getByRole("list", { name: "Recovery codes" })).toHaveCount(0);
    });

    test("an address changes once both mailboxes have agreed", async ({ page, portal, cli }) => {
      const { email } = await owner(cli);
      const other = address();
      await signInWith(page, email, password);
      await page.goto("/settings/account/address");
      await page.getByLabel("New address").fill(other);
      await page.getByLabel("Password", { exact: true }).fill(password);
      await press(page, "Send both letters");
      for (const mailbox of [other, email]) {
        const letter = await mailed(portal, mailbox);
        await page.goto(letter.links[0]!);
        if (mailbox === other) await page.getByLabel("Password").fill(password);
        await press(page, "Confirm change");
      }
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("The address was changed");
      await signOut(page);
      await signInWith(page, other, password);
      await expect(page).not.toHaveURL(/\/login/);
    });

    test("a new password keeps this browser signed in", async ({ page, cli }) => {
      const { email } = await owner(cli);
      await signInWith(page, email, password);
      await page.goto("/settings/security/password");
      await page.getByLabel("New password").fill(chosen);
      await page.getByLabel("Password", { exact: true }).fill(password);
      await press(page, "Change password");
      await expect(page).toHaveURL(/done=password/);
      await signOut(page);
      await signInWith(page, email, chosen);
      await expect(page).not.toHaveURL(/\/login/);
    });
  });
}
