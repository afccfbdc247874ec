// A headless Chromium under the Rust test's hand: one order a line on standard input, one answer a
// line on standard output. It knows nothing of the page; what should be there stands in the test.
//
// Arguments: the folder with node_modules, the browser, the folder for screenshots, and as JSON
// what the person's browser is like (locale, javaScriptEnabled).

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [modules, executablePath, folder, person] = process.argv.slice(2);
const load = createRequire(`${modules}/`);
const { chromium } = load("playwright-core");
const axe = readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");

const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1280, height: 800 };
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

const browser = await chromium.launch({
  executablePath,
  args: [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
  chromiumSandbox: false,
});
const context = await browser.newContext({
  viewport: PHONE,
  permissions: ["clipboard-read", "clipboard-write"],
  // Scripts of the page; ours run whatever it says.
  ...JSON.parse(person),
});
const page = await context.newPage();
page.setDefaultTimeout(15_000);
const asked = [], complaints = [];
context.on("request", (request) => asked.push(request.url()));
page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
page.on("pageerror", (error) => complaints.push(String(error)));

const orders = {
  async open({ url }) {
    const response = await page.goto(url);
    return { status: response.status() };
  },
  // Links and buttons that lead to a page: until it is there.
  async go({ role, name }) {
    await leads(page.getByRole(role, { name, exact: true }).click());
  },
  // A button whose form is not filled in: the browser says so, and asks for nothing.
  async stays({ name }) {
    const before = asked.length;
    await page.getByRole("button", { name, exact: true }).click();
    const missing = await page.locator("input:invalid").count();
    if (missing === 0 || asked.length > before) throw new Error("the form was sent");
  },
  async tick({ name }) {
    await page.getByRole("checkbox", { name, exact: true }).check();
  },
  // Opens what is folded.
  async unfold({ name }) {
    await page.getByText(name, { exact: true }).click();
  },
  async enter() {
    await focused();
    await leads(page.keyboard.press("Enter"));
  },
  async reload() {
    await page.reload();
  },
  async keys({ text }) {
    await focused();
    await page.keyboard.type(text);
  },
  // A key that leads to a page.
  async key({ key }) {
    await leads(page.keyboard.press(key));
  },
  // A finger on what leads to no page.
  async tap({ name }) {
    await page.getByRole("button", { name, exact: true }).tap();
  },
  // Until the page says so, whoever brings it on.
  async says({ text }) {
    await page.getByText(text).first().waitFor({ timeout: 50_000 });
  },
  async tab() {
    await page.keyboard.press("Tab");
  },
  // A button that only says something.
  async click({ name, says }) {
    await page.getByRole("button", { name, exact: true }).click();
    await page.getByRole("status").getByText(says, { exact: true }).waitFor();
  },
  // What assistive technology gets, in its order.
  async read() {
    const focused = page.locator(":focus");
    return {
      title: await page.title(),
      language: await page.locator("html").getAttribute("lang"),
      tree: await page.locator("body").ariaSnapshot(),
      focus: (await focused.count()) ? await focused.innerText() : null,
    };
  },
  async attribute({ role, name, attribute }) {
    return await page.getByRole(role, { name, exact: true }).getAttribute(attribute);
  },
  async clipboard() {
    return await page.evaluate("navigator.clipboard.readText()");
  },
  // What a camera before a desktop's screen sees of a picture: its width, and the brightness of each pixel.
  async camera({ name }) {
    await page.setViewportSize(DESKTOP);
    await page.emulateMedia({ colorScheme: "dark" });
    const shot = await page.getByRole("img", { name, exact: true }).screenshot();
    await page.setViewportSize(PHONE);
    const dark = await browser.newPage();
    const seen = await dark.evaluate(async (address) => {
      const picture = new Image();
      picture.src = address;
      await picture.decode();
      const canvas = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
      canvas.drawImage(picture, 0, 0);
      const { data } = canvas.getImageData(0, 0, picture.width, picture.height);
      return { width: picture.width, pixels: Array.from({ length: data.length / 4 }, (_, at) => data[4 * at]) };
    }, `data:image/png;base64,${shot.toString("base64")}`);
    await dark.close();
    return seen;
  },
  // Both widths, light and dark: pictures, what axe finds, and whether all fits in the width.
  async look({ name }) {
    const found = [], pictures = [];
    // A page that would go on by itself stays while it is looked at.
    await page.evaluate("for (let timer = setTimeout(() => {}); timer > 0; timer -= 1) clearTimeout(timer)");
    for (const [size, viewport] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
      for (const colorScheme of ["light", "dark"]) {
        await page.setViewportSize(viewport);
        await page.emulateMedia({ colorScheme });
        const path = `${folder}/${name}-${size}-${colorScheme}.png`;
        await page.screenshot({ path, fullPage: true });
        pictures.push(path);
        for (const violation of await violations()) found.push(`${size}, ${colorScheme}: ${violation}`);
      }
    }
    await page.emulateMedia({ media: "print", colorScheme: "light" });
    await page.screenshot({ path: `${folder}/${name}-print.png`, fullPage: true });
    pictures.push(`${folder}/${name}-print.png`);
    // WCAG 1.4.10: nothing is cut off, or scrolls sideways, at the width of a small phone.
    await page.emulateMedia({ media: "screen" });
    await page.setViewportSize({ width: 320, height: 640 });
    const wide = await page.evaluate("document.documentElement.scrollWidth");
    if (wide > 320) found.push(`at 320 pixels the page is ${wide} wide`);
    await page.setViewportSize(PHONE);
    await page.emulateMedia({ colorScheme: "light" });
    return { found, pictures };
  },
  // Which addresses were asked for, and what the browser complained of.
  async account() {
    return { asked, complaints };
  },
};

// A page gives the focus a moment after it is loaded; hands are slower than that.
async function focused() {
  await page.locator(":focus").waitFor({ state: "attached" });
}

async function leads(action) {
  await Promise.all([page.waitForEvent("load"), action]);
}

async function violations() {
  await page.evaluate(`if (!window.axe) { ${axe} }`);
  const run = `axe.run(document, { runOnly: ${JSON.stringify(RULES)} })`;
  const result = await page.evaluate(run);
  const told = (one) =>
    `${one.id}: ${one.help}: ${one.nodes.map((node) => `${node.html} ${node.any.map((check) => check.message)}`).join("; ")}`;
  // What axe cannot decide is decided by a person, not passed over.
  return [
    ...result.violations.map(told),
    ...result.incomplete.map((one) => `undecided: ${told(one)}`),
  ];
}

for await (const line of createInterface({ input: process.stdin })) {
  const { order, ...what } = JSON.parse(line);
  let answer;
  try {
    answer = { ok: (await orders[order](what)) ?? null };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
